"""Every test of one method with its numbers: what the page shows of a cell beside the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from reports import resampling, statistics
from reports.attempts import TESTED, Attempts, pairs
from reports.comparisons import Comparison
from reports.settings import Settings

TESTS: Mapping[str, Callable[[statistics.Scores, statistics.Scores], float]] = {
    "Paired t": statistics.paired_t_p,
    "Wilcoxon": statistics.wilcoxon,
    "Sign flips": resampling.sign_flip,
}
"""Name -> two-sided p-value of paired scores. The first is that of the verdicts."""


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
    for name, test in TESTS.items():
        raw = [
            test(*pairs(found[label], found[reference], sign)) if label in judged else float("nan") for label in members
        ]
        for label, p, p_holm in zip(members, raw, statistics.holm(raw), strict=True):
            if label in evidence:
                evidence[label].append(Evidence(name, float(p), float(p_holm)))
    return evidence
