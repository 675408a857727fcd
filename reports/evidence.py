"""Every test of one method with its numbers: what the page shows of a cell beside the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reports import resampling, statistics
from reports.attempts import TESTED, Attempts, pairs
from reports.comparisons import Comparison
from reports.settings import Settings

P = Callable[[statistics.Scores, statistics.Scores], float]
PAIRED: Mapping[str, P] = {
    "Paired t": statistics.paired_t_p,
    "Wilcoxon": statistics.wilcoxon,
    "Sign flips": resampling.sign_flip,
}
"""Name -> two-sided p-value of paired scores. The first is that of the verdicts."""
UNPAIRED = "Welch's t"
"""In place of the first where a method has seeds of its own; the others it does not have."""


class Evidence(NamedTuple):
    """One test of one method against one other: its p-value alone, and after Holm's correction over the family."""

    test: str
    p: float
    p_holm: float


def of_family(
    found: Mapping[str, Attempts], compared: Sequence[Comparison], sign: int, settings: Settings
) -> dict[str, list[Evidence]]:
    """Label -> one entry per test, of every method with a verdict.

    Members of the Holm family are those of the main test (`reports.comparisons`): methods whose trainings failed count
    too, skipped ones do not.

    Args:
        found: label -> attempts, see `reports.attempts.of_family`.
        compared: the family's comparisons with one method.
        sign: of the dataset's metric.
    """
    judged = [row.method for row in compared if row.verdict in TESTED]
    if not judged:
        return {}
    reference = compared[0].reference
    aside = (reference, settings.ceiling)
    members = [label for label, own in found.items() if label not in aside and not own.skipped]
    evidence: dict[str, list[Evidence]] = {label: [] for label in judged}
    base = found[reference]
    for name, test in PAIRED.items():
        first = test is statistics.paired_t_p
        raw = [_p(test, found[label], base, sign, first) if label in judged else np.nan for label in members]
        for label, p, p_holm in zip(members, raw, statistics.holm(raw), strict=True):
            if label in judged and np.isfinite(p):
                paired = found[label].paired and base.paired
                evidence[label].append(Evidence(name if paired else UNPAIRED, p, float(p_holm)))
    return evidence


def _p(test: P, own: Attempts, base: Attempts, sign: int, first: bool) -> float:
    """NaN where a test of pairs has none."""
    if own.paired and base.paired:
        return float(test(*pairs(own, base, sign)))
    return float(statistics.welch(sign * own.values(), sign * base.values()).p) if first else np.nan
