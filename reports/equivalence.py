"""Bayesian signed-rank tests with a region of practical equivalence: better, worse, or for all purposes the same?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd

from reports import resampling
from reports.attempts import TESTED, pairs
from reports.findings import Findings
from reports.grid import Entry, Grid, Group
from reports.results import Family
from reports.rows import FAMILY

SURE = 0.95
"""Probability from which a table says so in words."""
WORDS = ("worse", "equivalent", "better")


@dataclass(frozen=True)
class Posterior:
    """One method of a family against the reference."""

    method: str
    worse: float
    equivalent: float
    better: float

    @property
    def words(self) -> str:
        """What is more probable than SURE, or that nothing is."""
        likely = dict(zip(WORDS, (self.worse, self.equivalent, self.better), strict=True))
        return next((word for word, p in likely.items() if p > SURE), "undecided")


@cache
def of_family(findings: Findings, family: Family) -> list[Posterior]:
    """One entry for every method with a verdict, in display order, on its paired seeds."""
    settings, attempts, sign = findings.settings, findings.attempts[family], findings.metric(family).sign
    found = []
    for row in findings.comparisons[family]:
        if row.verdict in TESTED and attempts[row.method].paired:
            own, other = pairs(attempts[row.method], attempts[settings.reference], sign)
            shares = resampling.bayesian_signed_rank(own - other, settings.report.equivalence)
            found.append(Posterior(row.method, *shares))
    return found


def legend(findings: Findings) -> str:
    """How to read the table."""
    settings = findings.settings
    return (
        f"Bayesian signed-rank test against {settings.method_title(settings.reference)} on paired seeds (Benavoli et "
        f"al. 2014). Equivalent: a difference of at most {settings.report.equivalence:g} as stored, the region of "
        f"practical equivalence that the configuration sets. In words what has a probability above {SURE:g}. These "
        "are no p-values, and nothing is corrected for the number of methods."
    )


def frame(findings: Findings) -> pd.DataFrame:
    """One row per family and method."""
    rows = [
        {**family._asdict(), **vars(own), "words": own.words}
        for family in findings.results.families
        for own in of_family(findings, family)
    ]
    return pd.DataFrame(rows, columns=None if rows else [*FAMILY, "method", *WORDS, "words"])


def grids(findings: Findings) -> list[Grid]:
    """One table per family with any verdict."""
    titles, found = findings.settings.method_title, []
    for family in findings.results.families:
        rows: list[list[Entry]] = [
            [titles(own.method), f"{own.worse:.2f}", f"{own.equivalent:.2f}", f"{own.better:.2f}", own.words]
            for own in of_family(findings, family)
        ]
        headings = [["Method", "P(worse)", "P(equivalent)", "P(better)", "In words"]]
        if rows:
            found.append(Grid(f"equivalence-{family.slug}", findings.title(family), headings, [Group("", rows)]))
    return found
