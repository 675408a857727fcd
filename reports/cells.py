"""The cells of the main table: what stands in them, what is bold, which way the arrow points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reports import metrics, statistics
from reports.comparisons import Outcome, against, outcomes, pairs
from reports.results import Family, Results
from reports.settings import Settings

ABSENT = "—"


@dataclass(frozen=True)
class Cell:
    """Attributes:
    text: `82.31 ± 0.45`, words for runs that failed, or a dash where the method was not run.
    bold: the best of its column, or not significantly worse than the best.
    arrow: "up" or "down" where significantly better or worse than the method that arrows compare with, or "".
    note: why the runs failed or were skipped.
    """

    text: str
    bold: bool = False
    arrow: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One family: `heading` is its pair of networks, `size` its compression ratio."""

    family: Family
    heading: str
    size: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Block:
    """One dataset of the main table.

    Attributes:
        dataset, title, metric: the id, the display name, and the metric's title with its unit.
        methods: labels of the rows, in display order, the teacher first.
        columns: one a family.
        notes: reasons for failed and skipped cells.
        untested: headings of columns with too few seeds for any test.
    """

    dataset: str
    title: str
    metric: str
    methods: list[str]
    columns: list[Column]
    notes: list[str] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)


def bold(found: Mapping[str, Outcome], sign: int, settings: Settings) -> set[str]:
    """Labels of the best student and of every one that a paired t-test (Holm within the column) does not separate.

    Only methods all of whose runs gave a score take part; the teacher never does. Empty where the best has fewer
    than `minimum_seeds` runs: without a test nothing can be said to share the first place.
    """
    whole = {
        label: other
        for label, other in found.items()
        if label != settings.ceiling and other.scores and not other.complaint
    }
    if not whole:
        return set()
    best = max(whole, key=lambda label: sign * float(np.mean(whole[label].values())))
    if len(whole[best].scores) < settings.minimum_seeds:
        return set()
    rivals = [label for label in whole if label != best]
    tests = [statistics.paired_t(*pairs(whole[label], whole[best], sign), settings.alpha) for label in rivals]
    tested = [(label, test) for label, test in zip(rivals, tests, strict=True) if test.n >= settings.minimum_seeds]
    adjusted = statistics.holm([test.p for _, test in tested])
    equal = {label for (label, _), p in zip(tested, adjusted, strict=True) if p > settings.alpha}
    return {best} | equal


def column(results: Results, family: Family, settings: Settings) -> Column:
    """The cells of one family, for the labels that have any row in it."""
    metric = results.metric(family.dataset)
    found = outcomes(results, family, settings)
    winners = bold(found, metric.sign, settings)
    compared = settings.arrows in found and not found[settings.arrows].complaint
    tests = against(found, settings.arrows, metric.sign, settings) if compared else {}
    cells = {}
    for label, own in found.items():
        if own.complaint:
            cells[label] = Cell(own.words, note=own.reason or "no reason given")
            continue
        test, p = tests.get(label, (None, np.nan))
        arrow = "" if test is None or not p <= settings.alpha else "up" if test.difference > 0 else "down"
        mean, std = statistics.mean_and_std(own.values())
        cells[label] = Cell(metric.spread(mean, std) if own.scores else ABSENT, label in winners, arrow)
    target = results.ratio(family) if np.isnan(family.ratio_target) else family.ratio_target
    return Column(family, f"{family.teacher} → {family.student}", metrics.ratio(target), cells)


def blocks(results: Results, settings: Settings) -> list[Block]:
    """The main table, one block a dataset."""
    made = []
    for dataset, families in results.families_by_dataset():
        columns = [column(results, family, settings) for family in families]
        methods = settings.method_order({label for each in columns for label in each.cells})
        notes: dict[str, list[str]] = {}
        for label in methods:
            for each in columns:
                cell = each.cells.get(label)
                if cell and cell.note:
                    notes.setdefault(f"{settings.method_title(label)}: {cell.text}: {cell.note}", []).append(each.size)
        made.append(
            Block(
                dataset,
                settings.dataset_title(dataset),
                results.metric(dataset).title,
                methods,
                columns,
                [f"{text} ({', '.join(dict.fromkeys(sizes))})" for text, sizes in notes.items()],
                [f"{each.heading} at {each.size}" for each in columns if not _tested(results, each, settings)],
            )
        )
    return made


def _tested(results: Results, each: Column, settings: Settings) -> bool:
    """Whether the students of a column have the seeds that a p-value needs."""
    found = outcomes(results, each.family, settings)
    return max((len(o.scores) for label, o in found.items() if label != settings.ceiling), default=0) >= (
        settings.minimum_seeds
    )
