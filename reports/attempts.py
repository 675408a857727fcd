"""What became of the trainings of each method, before anything is compared: scores, failures, reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from reports import statistics
from reports.results import Family, Results
from reports.rows import Status
from reports.settings import Settings
from reports.variants import prepared

NO_SCORE = "no score"
"""Word for a training that ended well and left no finite test score."""


class Verdict(StrEnum):
    """What is said of a method against the reference; the first word of the column `verdict` of comparisons.csv."""

    REFERENCE = "reference"
    BETTER = "better"
    WORSE = "worse"
    NOT_SIGNIFICANT = "not significant"
    TOO_FEW_SEEDS = "too few seeds"
    NO_VERDICT = "no verdict"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNFINISHED = "unfinished"

    @property
    def clause(self) -> str:
        """The word behind a name: `KD failed`, `KD is unfinished`."""
        return {Verdict.SKIPPED: "was skipped", Verdict.UNFINISHED: "is unfinished"}.get(self, str(self))

    def because(self, reason: str) -> str:
        """`failed: 3 of 20 diverged`; the word alone without a reason."""
        return f"{self}: {reason}" if reason else str(self)


TESTED = (Verdict.BETTER, Verdict.WORSE, Verdict.NOT_SIGNIFICANT)
"""Verdicts that rest on a test."""


@dataclass(frozen=True)
class Attempts:
    """The trainings of one method in one family, or of one teacher.

    Attributes:
        scores: seed -> test score as stored, of the trainings that gave one.
        attempted: number of trainings that were planned; none of a method that does not apply.
        failures: status -> number of trainings, in the order of the words; NO_SCORE among them.
        reason: the distinct reasons given, joined, in one line.
        skipped: whether the method does not apply here at all.
        paired: whether its seeds are those of the other methods; results trained elsewhere have seeds of their own.
    """

    scores: Mapping[int, float]
    attempted: int
    failures: Mapping[str, int]
    reason: str
    skipped: bool
    paired: bool = True

    @property
    def complete(self) -> bool:
        """Whether every training gave a score: what survives of the others is not a fair sample."""
        return bool(self.scores) and not self.failures and not self.skipped

    @property
    def trouble(self) -> tuple[Verdict, str] | None:
        """The verdict, with its reason, on a method that failed, was skipped, or is not through yet."""
        if self.skipped:
            return Verdict.SKIPPED, self.reason or "no reason given"
        if not self.failures:
            return None
        counts = (f"{count} of {self.attempted} {status}" for status, count in self.failures.items())
        verdict = Verdict.UNFINISHED if set(self.failures) == {Status.MISSING} else Verdict.FAILED
        return verdict, ", ".join(counts)

    @property
    def words(self) -> str:
        """`diverged 2/10`, `skipped`, or nothing."""
        if self.skipped:
            return str(Verdict.SKIPPED)
        return ", ".join(f"{status} {count}/{self.attempted}" for status, count in self.failures.items())

    def values(self) -> statistics.Scores:
        """[n] scores as stored, ordered by seed."""
        return np.array([self.scores[seed] for seed in sorted(self.scores)], dtype=float)


def read(rows: pd.DataFrame) -> Attempts:
    """Reads the rows of one method in one family, or of one teacher."""
    each = list(zip(*(rows[name].tolist() for name in ("seed", "test", "status", "usable", "reason")), strict=True))
    skipped = bool(each) and all(status == Status.SKIPPED for _, _, status, _, _ in each)
    # One that some seeds skip applies by what they draw, and those that are left are no fair sample either.
    attempted = [] if skipped else [(status, usable) for _, _, status, usable, _ in each]
    troubled = Counter(NO_SCORE if status == Status.OK else status for status, usable in attempted if not usable)
    reasons = {" ".join(reason.split()) for _, _, _, usable, reason in each if reason and not usable}
    return Attempts(
        scores={seed: test for seed, test, _, usable, _ in each if usable},
        attempted=len(attempted),
        failures=dict(sorted(troubled.items())),
        reason="; ".join(sorted(reasons)),
        skipped=skipped,
        paired=bool(rows["paired"].all()),
    )


def rows_of(results: Results, family: Family, settings: Settings) -> dict[str, pd.DataFrame]:
    """Label -> rows of runs in display order, those of the family's teacher among them."""
    rows = family.rows(results.runs)
    found = {str(label): group for label, group in rows.groupby("method") if label != settings.ceiling}
    runs = results.runs[results.runs["method"] == settings.ceiling]
    teacher = runs[(runs["dataset"] == prepared(family.dataset)) & (runs["teacher"] == family.teacher)]
    if len(teacher):
        found[settings.ceiling] = teacher
    return {label: found[label] for label in settings.method_order(found)}


def of_family(results: Results, family: Family, settings: Settings) -> dict[str, Attempts]:
    """Label -> attempts in display order, those of the family's teacher among them."""
    return {label: read(rows) for label, rows in rows_of(results, family, settings).items()}


def tested(left: Attempts, right: Attempts, sign: int, alpha: float) -> statistics.Paired:
    """The test of two methods: paired t on the seeds that both have, or Welch's where either has seeds of its own."""
    if left.paired and right.paired:
        return statistics.paired_t(*pairs(left, right, sign), alpha)
    return statistics.welch(sign * left.values(), sign * right.values(), alpha)


def hypotheses(found: Mapping[str, Attempts], settings: Settings) -> list[str]:
    """Members of the family of tests that Holm's correction counts: every method that applies, the failed too.

    Skipped ones were never a hypothesis.
    """
    aside = (settings.reference, settings.ceiling)
    return [label for label, own in found.items() if label not in aside and not own.skipped]


def shared(left: Attempts, right: Attempts) -> list[int]:
    """The seeds that gave both a score, in growing order."""
    return sorted(set(left.scores) & set(right.scores))


def pairs(left: Attempts, right: Attempts, sign: int) -> tuple[statistics.Scores, statistics.Scores]:
    """Scores of the seeds that both have, turned by `sign` so that larger is better."""
    seeds = shared(left, right)
    return (
        sign * np.array([left.scores[seed] for seed in seeds], dtype=float),
        sign * np.array([right.scores[seed] for seed in seeds], dtype=float),
    )
