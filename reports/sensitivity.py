"""Whether a verdict hangs on the test that gave it: the same question put in other ways, one row per method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from reports import power, resampling, statistics
from reports.attempts import TESTED, Attempts, Verdict, hypotheses, pairs, shared
from reports.comparisons import Comparison
from reports.findings import FamilyTable, Findings
from reports.printing import ABSENT
from reports.results import Family
from reports.rows import FAMILY
from reports.settings import Settings

SIGNS = {Verdict.BETTER: "+", Verdict.WORSE: "−", Verdict.NOT_SIGNIFICANT: "0"}
BLIND = "n/a"
"""Where a test can find nothing, whatever the scores."""
WORDS = {sign: str(verdict) for verdict, sign in SIGNS.items()} | {BLIND: ""}
"""What a CSV holds in place of a sign, which a spreadsheet may take for a formula."""
HEADINGS = {
    "main": "t, Holm",
    "raw": "t, none",
    "hochberg": "t, BH",
    "wilcoxon": "Wilcoxon, Holm",
    "flips": "Sign flips, Holm",
    "median": "Median",
    "left_out": "Seeds left out",
    "detectable": "Detectable",
    "needed": "Seeds needed",
}
LEGEND = (
    "Each verdict asked again: + better, − worse, 0 not significant at the level of the tests. t: paired t-test; none: "
    "without a correction; BH: Benjamini and Hochberg's, which bounds the expected share of false claims instead of "
    "the chance of any; sign flips: paired permutation test; n/a: so few seeds can show nothing to this test after a "
    "correction for so many methods. Median: the sign of the median difference. Seeds left "
    "out: how many of the n tests without one of the seeds say the same as the main one. Detectable: the smallest mean "
    "difference that the test without a correction finds four times in five, with the spread seen here. Seeds needed: "
    "to find the observed difference so."
)


@dataclass(frozen=True)
class Row:
    """One method of a family. Signs are those of SIGNS, or BLIND; numbers are NaN or None where there are none.

    Attributes:
        main: the verdict of the tables: paired t, Holm.
        raw, hochberg, wilcoxon, flips: the same by other corrections and tests.
        median: sign of the median difference.
        left_out: of the n tests without one seed each, those that say what `main` says.
        n: pairs.
        detectable: smallest mean difference found with power .8, in the metric's unit.
        needed: pairs needed to find the observed difference with power .8.
    """

    method: str
    main: str
    raw: str
    hochberg: str
    wilcoxon: str
    flips: str
    median: str
    left_out: int
    n: int
    detectable: float
    needed: int | None

    @property
    def stable(self) -> bool:
        """Whether every other way that can say anything says the same."""
        others = {self.raw, self.hochberg, self.wilcoxon, self.flips} - {BLIND}
        return others == {self.main} and self.left_out == self.n


CORRECTIONS: dict[str, Callable[[statistics.Scores], statistics.Scores]] = {
    "none": lambda raw: raw,
    "holm": lambda raw: statistics.holm(list(raw)),
    "bh": stats.false_discovery_control,
}
Tests = Mapping[str, tuple[statistics.Scores, statistics.Scores]]
P = Callable[[statistics.Scores, statistics.Scores], float]


def of_family(found: Mapping[str, Attempts], compared: list[Comparison], sign: int, settings: Settings) -> list[Row]:
    """One row for every method with a verdict, in display order.

    The correction counts every member of the family as the main test does: with p = 1 methods whose trainings failed,
    with that of Welch's test those whose seeds are their own.

    Args:
        found: label -> attempts, see `reports.attempts.of_family`.
        compared: the family's comparisons with the reference.
        sign: of the dataset's metric.
    """
    told = {row.method: row for row in compared if row.verdict in TESTED}
    judged = {label: row for label, row in told.items() if found[label].paired}
    if not judged or not found[settings.reference].paired:
        return []
    reference = found[settings.reference]
    members = {label: told[label].p if label in told else 1.0 for label in hypotheses(found, settings)}
    data: Tests = {label: pairs(found[label], reference, sign) for label in judged}
    seeds = {label: np.array(shared(found[label], reference)) for label in judged}
    ways = {
        "raw": _verdicts(data, members, statistics.paired_t_p, "none", settings.alpha),
        "hochberg": _verdicts(data, members, statistics.paired_t_p, "bh", settings.alpha),
        "wilcoxon": _verdicts(data, members, statistics.wilcoxon, "holm", settings.alpha),
        "flips": _verdicts(data, members, resampling.sign_flip, "holm", settings.alpha),
    }
    without = {
        seed: _verdicts(_without(data, seeds, seed), members, statistics.paired_t_p, "holm", settings.alpha)
        for seed in sorted(set().union(*(own.tolist() for own in seeds.values())))
    }
    for way in ("wilcoxon", "flips"):
        for label, (own, _) in data.items():
            if 2 / 2 ** len(own) * len(members) > settings.alpha:  # both tests count signs
                ways[way][label] = BLIND
    made = []
    for label, row in judged.items():
        own, other = data[label]
        differences = own - other
        spread = float(np.std(differences, ddof=1))
        main = SIGNS[row.verdict]
        made.append(
            Row(
                method=label,
                main=main,
                **{way: said[label] for way, said in ways.items()},
                median="0+−"[int(np.sign(np.median(differences)))],
                left_out=sum(without[seed][label] == main for seed in seeds[label].tolist()),
                n=len(differences),
                detectable=power.minimum_detectable(spread, len(differences), settings.alpha),
                needed=power.seeds_needed(float(differences.mean()), spread, settings.alpha),
            )
        )
    return made


def _without(data: Tests, seeds: Mapping[str, NDArray[np.int64]], seed: int) -> Tests:
    """All pairs but those of one seed."""
    kept = {label: own != seed for label, own in seeds.items()}
    return {label: (own[kept[label]], other[kept[label]]) for label, (own, other) in data.items()}


def _verdicts(data: Tests, members: Mapping[str, float], test: P, correction: str, alpha: float) -> dict[str, str]:
    """Label -> sign; a member without pairs counts in the correction with its own p."""
    raw = np.array([test(*data[label]) if label in data else p for label, p in members.items()])
    adjusted = CORRECTIONS[correction](raw)
    said = {}
    for label, p in zip(members, adjusted, strict=True):
        if label in data:
            better = np.mean(data[label][0]) > np.mean(data[label][1])
            said[label] = ("+" if better else "−") if p <= alpha else "0"
    return said


@cache
def rows(findings: Findings) -> dict[Family, list[Row]]:
    """Family -> its rows, in display order; families without a verdict have none."""
    return {
        family: of_family(found, findings.comparisons[family], findings.metric(family).sign, findings.settings)
        for family, found in findings.attempts.items()
    }


def frame(findings: Findings) -> pd.DataFrame:
    """One row per family and method, as sensitivity.csv holds it: words in place of signs."""
    found = [
        {**family._asdict(), **{name: WORDS.get(value, value) for name, value in asdict(row).items()}}
        | {"stable": row.stable}
        for family, own in rows(findings).items()
        for row in own
    ]
    return pd.DataFrame(found, columns=[*FAMILY, *Row.__dataclass_fields__, "stable"])


def tables(findings: Findings) -> list[FamilyTable]:
    """One table per family that has a verdict, in display order."""
    return [
        FamilyTable(
            family,
            f"{findings.title(family)}, against {findings.settings.method_title(findings.settings.reference)}",
            ["Method", *HEADINGS.values()],
            [_printed(row, findings, family) for row in own],
        )
        for family, own in rows(findings).items()
        if own
    ]


def _printed(row: Row, findings: Findings, family: Family) -> list[str]:
    return [
        findings.settings.method_title(row.method),
        row.main,
        row.raw,
        row.hochberg,
        row.wilcoxon,
        row.flips,
        row.median,
        f"{row.left_out} of {row.n}",
        findings.metric(family).score(row.detectable),
        ABSENT if row.needed is None else str(row.needed),
    ]
