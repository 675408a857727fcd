"""The trainings without a score, grouped: what became of them, on which seeds, and why."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from reports import printing
from reports.attempts import NO_SCORE
from reports.results import Family, Results
from reports.rows import FAMILY, Status
from reports.settings import Settings

LINES = 10
"""Lines for the terminal on what is missing; the page lists all. Every failed cell is named."""


@dataclass(frozen=True)
class Trouble:
    """Trainings of one method in one family that ended alike, or those of one teacher.

    Attributes:
        family: of a teacher, the student is the teacher itself.
        of_teacher: whether these are trainings of a teacher.
        size: compression as printed.
        status: a status, or NO_SCORE.
        seeds: of these trainings, growing.
        planned: number of all trainings of this method in this family.
        reasons: the distinct reasons given, as they were told.
    """

    family: Family
    of_teacher: bool
    size: str
    method: str
    status: str
    seeds: list[int]
    planned: int
    reasons: list[str]

    @property
    def why(self) -> str:
        """The reasons, joined."""
        return "; ".join(self.reasons) or "no reason given"

    @property
    def line(self) -> str:
        """`failed: gcrd on ogbn-arxiv, gcn-2x32 (33×): 3 of 10 (RuntimeError: ...)`, as a configuration names them."""
        student = f"{self.family.student} ({self.size})"
        where = f"{self.family.dataset}, {self.family.teacher if self.of_teacher else student}"
        count = f"{len(self.seeds)} of {self.planned}"
        return f"{self.status}: {self.method} on {where}: {count} ({printing.one_line(self.why, 140)})"


def of(results: Results, settings: Settings) -> list[Trouble]:
    """One entry per family, method and status without a score, sorted by these."""
    keys = [*FAMILY, "method"]
    runs = results.runs.assign(planned=results.runs.groupby(keys, dropna=False)["seed"].transform("size"))
    without = runs[~runs["usable"]]
    without = without.assign(status=without["status"].replace(Status.OK, NO_SCORE))
    return [_trouble(group, settings) for _, group in without.groupby([*keys, "status"], dropna=False)]


def _trouble(group: pd.DataFrame, settings: Settings) -> Trouble:
    first = group.iloc[0]
    target = None if pd.isna(first["ratio_target"]) else float(first["ratio_target"])
    return Trouble(
        Family(first["dataset"], first["teacher"], first["student"], target),
        first["method"] == settings.ceiling,
        printing.ratio(float(first["ratio"]) if target is None else target),
        first["method"],
        first["status"],
        sorted(group["seed"]),
        int(first["planned"]),
        sorted(set(group["reason"]) - {""}),
    )


def unfinished(results: Results) -> str:
    """`120 of 600 trainings are missing`; nothing where every planned training has left a row."""
    missing = int((results.runs["status"] == Status.MISSING).sum())
    return f"{missing} of {len(results.runs)} trainings are missing" if missing else ""


def lines(results: Results, settings: Settings) -> list[str]:
    """For the terminal: failures first, then what is missing, teachers before students, which depend on them.

    A method that does not apply is no trouble; one that does not apply to some seeds is.
    """
    found = [each for each in of(results, settings) if each.status != Status.SKIPPED or len(each.seeds) < each.planned]
    found.sort(key=lambda each: (each.status == Status.MISSING, not each.of_teacher))
    failed = [each.line for each in found if each.status != Status.MISSING]
    missing = [each.line for each in found if each.status == Status.MISSING]
    more = len(missing) - LINES
    return failed + (missing if more <= 0 else [*missing[:LINES], f"... and {more} more, see the page"])
