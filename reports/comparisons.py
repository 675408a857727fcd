"""`comparisons.csv`: every method of a family against the reference, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from reports import metrics, statistics
from reports.results import Family, Results
from reports.settings import Settings

COLUMNS = [
    "dataset",
    "teacher",
    "student",
    "ratio_target",
    "method",
    "reference",
    "n",
    "mean",
    "std",
    "difference",
    "ci_low",
    "ci_high",
    "p",
    "p_holm",
    "wilcoxon_p",
    "probability_of_improvement",
    "gap_closed",
    "verdict",
]


@dataclass(frozen=True)
class Outcome:
    """What became of the runs of one method in one family.

    Attributes:
        scores: seed -> test score as stored, of the usable runs.
        attempted: number of runs that were not skipped.
        failures: status -> number of runs, in the order of the statuses' names; "no score" is an ok run without one.
        reason: the distinct reasons given, joined.
        skipped: whether the method does not apply here at all.
    """

    scores: Mapping[int, float]
    attempted: int
    failures: Mapping[str, int]
    reason: str
    skipped: bool

    @property
    def words(self) -> str:
        """`diverged 2/10`, `skipped`, or nothing."""
        if self.skipped:
            return "skipped"
        return ", ".join(f"{status} {count}/{self.attempted}" for status, count in self.failures.items())

    @property
    def complaint(self) -> str:
        """The verdict of a method that failed or was skipped; nothing for one that did neither."""
        if self.skipped:
            return f"skipped: {self.reason or 'no reason given'}"
        if not self.failures:
            return ""
        return "failed: " + ", ".join(
            f"{count} of {self.attempted} {status}" for status, count in self.failures.items()
        )

    def values(self) -> statistics.Scores:
        return np.array([self.scores[seed] for seed in sorted(self.scores)], dtype=float)


def outcome(rows: pd.DataFrame) -> Outcome:
    """Reads the rows of one method in one family (or of one teacher)."""
    usable = rows[rows["usable"]]
    attempted = rows[rows["status"] != "skipped"]
    troubled = attempted[~attempted["usable"]]
    counts = troubled["status"].replace("ok", "no score").value_counts().sort_index()
    reasons = rows.loc[~rows["usable"], "reason"]
    return Outcome(
        scores={int(seed): float(test) for seed, test in zip(usable["seed"], usable["test"], strict=True)},
        attempted=len(attempted),
        failures={str(status): int(count) for status, count in counts.items()},
        reason="; ".join(sorted({reason for reason in reasons if reason})),
        skipped=len(rows) > 0 and attempted.empty,
    )


@lru_cache(maxsize=1024)
def outcomes(results: Results, family: Family, settings: Settings) -> Mapping[str, Outcome]:
    """Label -> outcome in display order, the teacher's among them. Shared between callers: not to be changed."""
    rows = family.rows(results.runs)
    found = {str(label): outcome(group) for label, group in rows.groupby("method") if label != settings.ceiling}
    teacher = results.teacher_runs(family.dataset, family.teacher, settings.ceiling)
    if len(teacher):
        found[settings.ceiling] = outcome(teacher)
    return {label: found[label] for label in settings.method_order(found)}


def pairs(left: Outcome, right: Outcome, sign: int) -> tuple[statistics.Scores, statistics.Scores]:
    """Scores of the seeds that both have, larger is better."""
    seeds = sorted(set(left.scores) & set(right.scores))
    return (
        sign * np.array([left.scores[seed] for seed in seeds], dtype=float),
        sign * np.array([right.scores[seed] for seed in seeds], dtype=float),
    )


def against(
    found: Mapping[str, Outcome], reference: str, sign: int, settings: Settings
) -> dict[str, tuple[statistics.Paired, float]]:
    """Label -> (paired t against `reference`, Holm-adjusted p) for every other student of a family.

    p is NaN below `minimum_seeds` pairs. Members of the Holm family are all methods that apply, also those whose
    runs failed (see `statistics.holm`); skipped ones were never a hypothesis.
    """
    tests: dict[str, statistics.Paired] = {}
    for label, other in found.items():
        if label in (reference, settings.ceiling) or other.skipped or reference not in found:
            continue
        tests[label] = statistics.paired_t(*pairs(other, found[reference], sign), settings.alpha)
    raw = [test.p if test.n >= settings.minimum_seeds else np.nan for test in tests.values()]
    return {label: (test, float(p)) for (label, test), p in zip(tests.items(), statistics.holm(raw), strict=True)}


def compare(results: Results, settings: Settings) -> pd.DataFrame:
    """[rows, COLUMNS]: families in display order, methods in display order within each, teachers left out.

    Scores (`mean`, `std`) are as stored, of all seeds of the method. `difference` and its interval are turned
    so that POSITIVE IS BETTER, over the `n` seeds that method and reference both have. p-values are NaN below
    `minimum_seeds` pairs. A method with any failed run has no numbers but `n`, and no better/worse verdict: the seeds
    that survived are not a fair sample of those that were asked for. Where the reference is such a method, nothing is
    compared with it.
    """
    rows = []
    for family in results.families:
        sign = results.metric(family.dataset).sign
        found = outcomes(results, family, settings)
        tests = against(found, settings.reference, sign, settings)
        for label, own in found.items():
            if label != settings.ceiling:
                rows.append({**family._asdict(), **_row(label, own, found, tests, sign, settings)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(
    label: str,
    own: Outcome,
    found: Mapping[str, Outcome],
    tests: Mapping[str, tuple[statistics.Paired, float]],
    sign: int,
    settings: Settings,
) -> dict[str, object]:
    nothing = statistics.Paired(0, np.nan, np.nan, np.nan, np.nan, np.nan)
    test, p_holm = tests.get(label, (nothing, np.nan))
    n = test.n
    reference = found.get(settings.reference)
    is_reference = label == settings.reference
    # What survives of a method, or of the reference, is not a fair sample: nothing is averaged over it.
    whole = not own.complaint
    mean, std = statistics.mean_and_std(own.values()) if whole else (np.nan, np.nan)
    comparable = whole and reference is not None and not reference.complaint and not is_reference
    if not comparable:
        test, p_holm = nothing, np.nan
    tested = test.n >= settings.minimum_seeds
    wilcoxon = improvement = np.nan
    if comparable and reference is not None:
        improvement = statistics.probability_of_improvement(sign * own.values(), sign * reference.values())
        wilcoxon = statistics.wilcoxon(*pairs(own, reference, sign)) if tested else np.nan
    if own.complaint:
        verdict = own.complaint
    elif is_reference:
        verdict = "reference"
    elif reference is not None and reference.complaint:
        verdict = f"no verdict: the reference {reference.complaint}"
    elif not tested:
        verdict = "too few seeds"
    elif p_holm <= settings.alpha:
        verdict = "better" if test.difference > 0 else "worse"
    else:
        verdict = "no difference"
    return {
        "method": label,
        "reference": settings.reference,
        "n": len(own.scores) if is_reference else n,
        "mean": mean,
        "std": std,
        "difference": test.difference,
        "ci_low": test.low,
        "ci_high": test.high,
        "p": test.p if tested else np.nan,
        "p_holm": p_holm,
        "wilcoxon_p": wilcoxon,
        "probability_of_improvement": improvement,
        "gap_closed": _gap_closed(own, found, sign, settings) if whole else np.nan,
        "verdict": verdict,
    }


def _gap_closed(own: Outcome, found: Mapping[str, Outcome], sign: int, settings: Settings) -> float:
    if settings.floor not in found or settings.ceiling not in found:
        return np.nan
    if found[settings.floor].complaint or found[settings.ceiling].complaint:
        return np.nan
    floor, ceiling = found[settings.floor].scores, found[settings.ceiling].scores
    seeds = sorted(set(own.scores) & set(floor) & set(ceiling))
    method, low, high = (sign * np.array([s[seed] for seed in seeds]) for s in (own.scores, floor, ceiling))
    return statistics.gap_closed(method, low, high, settings.alpha)


def metric_of(results: Results, row: pd.Series) -> metrics.Metric:
    """The metric of a row of comparisons."""
    return results.metric(str(row["dataset"]))
