"""The methods over all students at once: interquartile means, profiles, and who beats whom, with bootstrap intervals.

A task is one student under one teacher. Its scores become gains over the mean of the floor (of the reference where
there is no floor), in the printed unit and positive where better, so that tasks of different levels can be joined.
Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice, NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd

from reports import printing, resampling, statistics
from reports.attempts import Attempts
from reports.findings import Findings
from reports.grid import Entry, Grid, Group
from reports.printing import ABSENT
from reports.results import Family
from reports.statistics import Scores

MATRIX_LEGEND = (
    "Probability that a fresh training of the row's method beats one of the column's, ties counted half, mean over "
    "students; above .50 the row is ahead. Nothing is tested here."
)
IN_PAPER = 10
"""Methods of the matrix that paper has room for, unless the configuration selects others."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Tasks whose gains share a unit, and the methods that have every training of each of them.

    Attributes:
        unit: word after a printed gain.
        decimals: of a printed gain.
        base: label of the method whose mean is 0.
        gains: label -> [n] gains of each task, seeds in growing order, best interquartile mean first.
        dropped: methods that lack a complete set of trainings on some of the tasks.
    """

    unit: str
    decimals: int
    base: str
    families: list[Family]
    gains: dict[str, list[Scores]]
    dropped: list[str]

    @property
    def slug(self) -> str:
        """Part of names of files and tables."""
        return self.unit.lower()

    def values(self, label: str) -> Scores:
        """All gains of a method."""
        return np.concatenate(self.gains[label])

    def draws(self, label: str) -> list[np.ndarray]:
        """The bootstrap's draws of a method's seeds: the same for methods with the same numbers of seeds."""
        return _draws(tuple(len(task) for task in self.gains[label]))

    def drawn(self, label: str) -> list[Scores]:
        """[resamples, n] gains of each task at the bootstrap's draws, over the mean of the base at the same ones.

        The mean of the base is an estimate, too: an interval around it as it was seen would be too narrow.
        """
        parts = zip(self.gains[label], self.draws(label), self._levels, strict=True)
        return [task[draw] - level for task, draw, level in parts]

    @cached_property
    def _levels(self) -> list[Scores]:
        """[resamples, 1] means of the base at the draws of each task."""
        parts = zip(self.gains[self.base], self.draws(self.base), strict=True)
        return [task[draw].mean(-1, keepdims=True) for task, draw in parts]


@cache
def _draws(sizes: tuple[int, ...]) -> list[np.ndarray]:
    return resampling.stratified_draws(sizes)


@cache
def _shares(sizes: tuple[int, ...]) -> list[Scores]:
    return [resampling.shares(draw) for draw in _draws(sizes)]


@dataclass(frozen=True)
class Standing:
    """One method over all tasks: estimates with their bootstrap intervals."""

    method: str
    mean: tuple[float, float, float]
    iqm: tuple[float, float, float]
    improvement: tuple[float, float, float]


@cache
def joined(findings: Findings) -> list[Joined]:
    """The tasks of each unit that have at least two methods in common."""
    settings = findings.settings
    by_unit: dict[str, list[Family]] = {}
    for family in findings.results.families:
        by_unit.setdefault(findings.metric(family).unit, []).append(family)
    found = []
    for unit, families in by_unit.items():
        own = [findings.attempts[family] for family in families]
        labels = settings.method_order({label for each in own for label in each} - {settings.ceiling})
        kept = [label for label in labels if all(label in each and _drawable(each[label]) for each in own)]
        base = settings.floor if settings.floor in kept else settings.reference
        if base not in kept or len(kept) < 2:
            continue
        gains: dict[str, list[Scores]] = {label: [] for label in kept}
        for family, each in zip(families, own, strict=True):
            metric = findings.metric(family)
            level = float(each[base].values().mean())
            for label in kept:
                gains[label].append(metric.sign * metric.scale * (each[label].values() - level))
        order = sorted(kept, key=lambda label: -float(resampling.interquartile_mean(np.concatenate(gains[label]))))
        dropped = [label for label in labels if label not in kept]
        decimals = max(findings.metric(family).decimals for family in families)
        found.append(Joined(unit, decimals, base, families, {label: gains[label] for label in order}, dropped))
    return found


def _drawable(own: Attempts) -> bool:
    """Whether all trainings gave a score, and more than one, which drawn again is always itself."""
    return own.complete and len(own.scores) > 1


@cache
def standings(tasks: Joined, reference: str, alpha: float) -> list[Standing]:
    """Every method of some tasks; P(improvement) over the reference is NaN without one."""
    return [_standing(tasks, label, reference, alpha) for label in tasks.gains]


def _standing(tasks: Joined, label: str, reference: str, alpha: float) -> Standing:
    own, drawn = tasks.gains[label], tasks.drawn(label)
    # Every task counts alike.
    mean = float(np.mean([task.mean() for task in own]))
    means = np.mean([part.mean(-1) for part in drawn], axis=0)
    iqm = float(resampling.interquartile_mean(tasks.values(label)))
    iqms = resampling.interquartile_mean(np.concatenate(drawn, axis=-1))
    return Standing(
        label,
        (mean, *resampling.percentiles(means, alpha)),
        (iqm, *resampling.percentiles(iqms, alpha)),
        _beats(tasks, label, reference, alpha),
    )


def _beats(tasks: Joined, label: str, reference: str, alpha: float) -> tuple[float, float, float]:
    """Mean over tasks of P(a training beats one of the reference); seeds drawn together where both have the same."""
    if reference not in tasks.gains or label == reference:
        return np.nan, np.nan, np.nan
    own, other = tasks.gains[label], tasks.gains[reference]
    won = [resampling.wins(a, b) for a, b in zip(own, other, strict=True)]
    first, second = (_shares(tuple(map(len, each))) for each in (own, other))
    drawn = [((a @ matrix) * b).sum(1) for a, b, matrix in zip(first, second, won, strict=True)]
    low, high = resampling.percentiles(np.mean(drawn, axis=0), alpha)
    return float(np.mean([matrix.mean() for matrix in won])), float(low), float(high)


def profile(tasks: Joined, label: str, thresholds: Scores, alpha: float) -> tuple[Scores, Scores, Scores]:
    """[k] share of trainings above each threshold, tasks alike, and both ends of its pointwise interval."""
    own = tasks.gains[label]
    shares = np.concatenate(_shares(tuple(map(len, own))), axis=1)
    drawn = shares @ np.concatenate([resampling.above(task, thresholds) for task in own]) / len(own)
    low, high = resampling.percentiles(drawn, alpha)
    return resampling.performance_profile(own, thresholds), low, high


@cache
def matrix(findings: Findings) -> tuple[list[str], Scores]:
    """Labels, and [k, k] mean over all tasks of P(row beats column); 1/2 on the diagonal. Empty below two methods."""
    parts = joined(findings)
    common = [label for label in (parts[0].gains if parts else ()) if all(label in each.gains for each in parts)]
    count = sum(len(each.families) for each in parts)
    found = np.full((len(common), len(common)), 0.5)
    for i, row in enumerate(common):
        for j, column in enumerate(common[:i]):
            pairs = [pair for each in parts for pair in zip(each.gains[row], each.gains[column], strict=True)]
            found[i, j] = sum(statistics.probability_of_improvement(*pair) for pair in pairs) / count
            found[j, i] = 1 - found[i, j]
    return (common, found) if len(common) > 1 else ([], np.empty((0, 0)))


def legend(findings: Findings) -> str:
    """How to read the table of standings."""
    settings = findings.settings
    dropped = [settings.method_title(label) for each in joined(findings) for label in each.dropped]
    base = printing.listed(
        [settings.method_title(label) for label in dict.fromkeys(each.base for each in joined(findings))] or [ABSENT]
    )
    why = "some student lacks a training, or has one alone"
    left = f" Left out, since {why}: {printing.listed(dropped)}." if dropped else ""
    return (
        f"Gains over the mean of {base} on the same student, positive is better. IQM: mean of the middle half of all "
        f"trainings. P(improvement): of a fresh training over one of {settings.method_title(settings.reference)}, mean "
        f"over students. In brackets {settings.level} % intervals of a bootstrap that draws seeds anew within every "
        f"student, the same for all methods and for what the gains are over.{left}"
    )


def grids(findings: Findings) -> list[Grid]:
    """One table per unit, the best interquartile mean first."""
    settings, found = findings.settings, []
    for tasks in joined(findings):
        rows: list[list[Entry]] = []
        for own in standings(tasks, settings.reference, settings.alpha):
            gains = (_bracketed(*each, tasks.decimals) for each in (own.iqm, own.mean))
            texts = (*gains, _bracketed(*own.improvement, 2))
            rows.append([settings.method_title(own.method), *texts])
        count = len(tasks.families)
        title = f"{count} {'student' if count == 1 else 'students'}, gains in {tasks.unit}"
        headings = [["Method", "IQM", "Mean", "P(improvement)"]]
        cites = settings.cites(tasks.gains)
        found.append(Grid(f"aggregate-{tasks.slug}", title, headings, [Group("", rows)], cites=cites))
    return found


def frame(findings: Findings) -> pd.DataFrame:
    """One row per unit and method, as aggregate.csv holds it: estimates, each with both ends of its interval."""
    settings = findings.settings
    return pd.DataFrame(
        {"unit": tasks.unit, "students": len(tasks.families), "method": own.method}
        | {
            f"{name}{end}": value
            for name in ("iqm", "mean", "improvement")
            for end, value in zip(("", "_low", "_high"), getattr(own, name), strict=True)
        }
        for tasks in joined(findings)
        for own in standings(tasks, settings.reference, settings.alpha)
    )


def _bracketed(value: float, low: float, high: float, decimals: int) -> str:
    if np.isnan(value):
        return ABSENT
    own, bottom, top = (printing.signed(each, decimals, plus="") for each in (value, low, high))
    return f"{own} [{bottom}, {top}]"


def matrix_grids(findings: Findings, few: bool = False) -> list[Grid]:
    """The matrix of all methods, or of the few that paper has room for; none below two methods."""
    settings = findings.settings
    labels, found = matrix(findings)
    wanted = settings.report.select.methods or labels[:IN_PAPER]
    kept = [place for place, label in enumerate(labels) if not few or label in wanted]
    if len(kept) < 2:
        return []
    titles = [settings.method_title(labels[place]) for place in kept]
    columns = titles
    if few:  # numbers stand for the titles, which are too long beside each other
        columns = [str(number) for number in range(1, len(titles) + 1)]
        titles = [f"{number} {title}" for number, title in zip(columns, titles, strict=True)]
    rows: list[list[Entry]] = [
        [title, *(ABSENT if i == j else f"{found[i, j]:.2f}" for j in kept)]
        for title, i in zip(titles, kept, strict=True)
    ]
    count = sum(len(each.families) for each in joined(findings))
    title = f"Probability of improvement over {count} {'student' if count == 1 else 'students'}"
    return [Grid("improvement", title, [["Row beats column", *columns]], [Group("", rows)])]
