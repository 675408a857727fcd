"""The cells of the main table: what stands in them, what is bold, which way the arrow points."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

import numpy as np

from reports import printing, statistics
from reports.attempts import Attempts, Verdict, tested
from reports.comparisons import Comparison
from reports.metrics import Metric
from reports.results import Family, Results
from reports.settings import Settings


class Arrow(StrEnum):
    """Whether a method is significantly better or worse than the reference."""

    UP = "up"
    DOWN = "down"
    NONE = ""


ARROWS = {Verdict.BETTER: Arrow.UP, Verdict.WORSE: Arrow.DOWN}
NOT_WORSE = (Verdict.NOT_SIGNIFICANT, Verdict.BETTER)


@dataclass(frozen=True)
class Cell:
    """One method in one family.

    Attributes:
        text: `82.31 ± 0.45`, or words for trainings that failed.
        bold: the best of its column, or not significantly worse than the best.
        arrow: where the reference stands.
        note: why the trainings failed or were skipped.
    """

    text: str
    bold: bool = False
    arrow: Arrow = Arrow.NONE
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One family of the main table.

    Attributes:
        heading: its pair of networks.
        size: its compression ratio.
        cells: label -> cell, of the methods that have any row in it.
        tested: whether the students have the seeds that a p-value needs.
        remarks: label -> what a reader must know of its seeds, where they are not those of the others.
    """

    family: Family
    heading: str
    size: str
    cells: dict[str, Cell]
    tested: bool
    remarks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """One dataset of the main table.

    Attributes:
        dataset, title, metric: the id, the display name, and the metric's title with its unit.
        methods: labels of the rows, in display order, the teacher first.
        columns: one per family.
        notes: reasons for failed and skipped cells, and remarks on seeds.
        untested: headings of columns with too few seeds for any test.
    """

    dataset: str
    title: str
    metric: str
    methods: list[str]
    columns: list[Column]
    notes: list[str] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)


def bold(found: Mapping[str, Attempts], sign: int, settings: Settings, compared: Iterable[Comparison] = ()) -> set[str]:
    """Labels of the best student and of every one that a paired t-test does not separate from it.

    Holm's correction is over all pairs of the column: which method is the best is seen in the same scores, and of many
    equal ones it is far from some by chance alone. Where the best is the reference, which was named beforehand, the
    comparisons with it decide. A method that failed counts with its pairs. Only methods all of whose trainings gave a
    score can be bold, and at least `minimum_seeds` of them: without a test nothing can be said to share the first
    place. The teacher never is.
    """
    whole = ranked(found, sign, settings)
    if not whole:
        return set()
    best = whole[0]
    if best == settings.reference and (rows := list(compared)):
        # Over the seeds that both have even the one with the lower mean can be better.
        return {best} | {row.method for row in rows if row.verdict in NOT_WORSE and row.method in whole}
    tests = {(a, b): tested(found[a], found[b], sign, settings.alpha) for a, b in combinations(whole, 2)}
    known = {pair: test for pair, test in tests.items() if test.n >= settings.minimum_seeds}
    members = sum(label != settings.ceiling and not own.skipped for label, own in found.items())
    untested = math.comb(members, 2) - len(known)
    adjusted = statistics.holm([*(test.p for test in known.values()), *[math.nan] * untested])
    return {best} | {
        other
        for ((one, other), test), p in zip(known.items(), adjusted, strict=False)
        if one == best and (p > settings.alpha or test.difference < 0)
    }


def ranked(found: Mapping[str, Attempts], sign: int, settings: Settings, least: int | None = None) -> list[str]:
    """The students of whom all trainings, and at least so many (`minimum_seeds`), gave a score, the best first."""
    least = settings.minimum_seeds if least is None else least
    whole = (
        label for label, own in found.items() if label != settings.ceiling and own.complete and len(own.scores) >= least
    )
    return sorted(whole, key=lambda label: -sign * float(np.mean(found[label].values())))


def column(
    results: Results,
    family: Family,
    found: Mapping[str, Attempts],
    compared: list[Comparison],
    settings: Settings,
) -> Column:
    """The cells of one family.

    Args:
        found: label -> attempts of this family.
        compared: its comparisons with the reference.
    """
    metric = results.metric(family.dataset)
    winners = bold(found, metric.sign, settings, compared)
    arrows = {row.method: ARROWS.get(row.verdict, Arrow.NONE) for row in compared}
    cells = {label: _cell(own, metric, label in winners, arrows.get(label, Arrow.NONE)) for label, own in found.items()}
    most = max((len(own.scores) for label, own in found.items() if label != settings.ceiling), default=0)
    heading = f"{family.teacher} → {family.student}"
    enough = most >= settings.minimum_seeds
    return Column(family, heading, results.size(family), cells, enough, _remarks(found, settings) if enough else {})


def _remarks(found: Mapping[str, Attempts], settings: Settings) -> dict[str, str]:
    students = {label: own for label, own in found.items() if label != settings.ceiling and own.complete}
    counts = Counter(frozenset(own.scores) for own in students.values() if own.paired)
    usual = counts.most_common(1)[0][0] if counts else frozenset()
    remarks = {}
    for label, own in students.items():
        number = len(own.scores)
        seeds = f"{number} seed" if number == 1 else f"{number} seeds"
        if number < settings.minimum_seeds:
            remarks[label] = f"{seeds}, too few for a test and for bold"
        elif not own.paired:
            remarks[label] = f"{seeds} of its own, not paired: Welch's test"
        elif number != len(usual):
            remarks[label] = (
                f"{seeds} where others have {len(usual)}; differences and tests are of those that both methods have"
            )
        elif other := len(usual - own.scores.keys()):
            remarks[label] = (
                f"{number - other} of its {seeds} are those of the others; differences and tests are of these"
            )
    return remarks


def _cell(own: Attempts, metric: Metric, bold: bool, arrow: Arrow) -> Cell:
    if own.trouble:
        return Cell(own.words, note=own.reason or "no reason given")
    return Cell(metric.spread(*statistics.mean_and_std(own.values())), bold, arrow)


def panels(results: Results, columns: Mapping[Family, Column], settings: Settings) -> list[Panel]:
    """The main table, one panel per dataset."""
    return [
        _panel(results, dataset, [columns[family] for family in families], settings)
        for dataset, families in results.families_by_dataset()
    ]


def _panel(results: Results, dataset: str, columns: list[Column], settings: Settings) -> Panel:
    methods = settings.method_order({label for each in columns for label in each.cells})
    sizes = Counter(each.size for each in columns)
    notes: dict[str, list[str]] = {}
    for label in methods:
        for each in columns:
            cell = each.cells.get(label)
            where = each.size if sizes[each.size] == 1 else f"{each.heading} at {each.size}"
            if cell and cell.note:
                why = f"{settings.method_title(label)}: {cell.text}: {printing.one_line(cell.note)}"
                notes.setdefault(why, []).append(where)
            if label in each.remarks:
                notes.setdefault(f"{settings.method_title(label)}: {each.remarks[label]}", []).append(where)
    return Panel(
        dataset,
        settings.dataset_title(dataset),
        results.metric(dataset).title,
        methods,
        columns,
        [f"{text} ({', '.join(dict.fromkeys(places))})" for text, places in notes.items()],
        [f"{each.heading} at {each.size}" for each in columns if not each.tested],
    )
