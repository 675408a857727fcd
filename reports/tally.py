"""Several runs beside each other, none merged: where a method is better than another one, where worse, where neither.

A place is one student under one teacher in one run. Every verdict is that of the run's own table with this reference:
paired over seeds, corrected over the methods of the place. So runs of any settings can stand here, where a merge needs
the same ones; but places that share data, teachers or seeds are no independent samples: nothing is tested over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from reports import attempts, build, comparisons, printing, results
from reports.attempts import TESTED, Attempts, Verdict
from reports.comparisons import Comparison
from reports.grid import Entry, Grid, Group
from reports.metrics import Metric
from reports.printing import ABSENT
from reports.reading import named_twice
from reports.results import Family, Results
from reports.settings import Settings


@dataclass(frozen=True)
class Place:
    """One student under one teacher in one run.

    Attributes:
        compared: its methods against one reference, which itself is left out.
        trainings: label -> what tells its trainings from others.
    """

    family: Family
    metric: Metric
    compared: list[Comparison]
    trainings: Mapping[str, frozenset[tuple[Any, ...]]]

    def key(self, row: Comparison) -> tuple[Any, ...]:
        """The same for the comparison of the same trainings in another run."""
        return self.family, row.method, row.reference, self.trainings[row.method], self.trainings[row.reference]


@dataclass(frozen=True)
class Tally:
    """One method over all places where it and the reference were asked for.

    Attributes:
        places: number of them, those where it failed or does not apply among them.
        counts: verdict of a test -> number of places; their sum is below `places` where there are others.
        difference: median over the tested places, in the printed unit and positive where better; NaN where there is
            none, or units differ.
    """

    places: int
    counts: Mapping[Verdict, int]
    difference: float
    decimals: int

    @property
    def balance(self) -> float:
        """Share of tested places where it is better, less that where it is worse."""
        tested = sum(self.counts.values())
        return (self.counts[Verdict.BETTER] - self.counts[Verdict.WORSE]) / tested if tested else float("-inf")

    @property
    def texts(self) -> list[str]:
        """Cells of its row: places, `better / not significant / worse`, median difference."""
        counts = [self.counts[verdict] for verdict in (Verdict.BETTER, Verdict.NOT_SIGNIFICANT, Verdict.WORSE)]
        counted = " / ".join(map(str, counts)) if any(counts) else ABSENT
        return [str(self.places), counted, printing.signed(self.difference, self.decimals)]


@dataclass(frozen=True)
class Run:
    """The rows of one folder, and what its report was made with.

    Attributes:
        attempts: family -> label -> what became of the trainings, whatever they are compared with.
        trainings: the same -> what tells them from others.
    """

    name: str
    results: Results
    settings: Settings
    attempts: Mapping[Family, Mapping[str, Attempts]]
    trainings: Mapping[Family, Mapping[str, frozenset[tuple[Any, ...]]]]

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Raises FileNotFoundError, ValueError: it has no runs, was never reported, or contradicts itself."""
        settings = Settings.parse(build.settings_of(folder))
        found = results.load(folder, settings)
        settings = settings.with_labels(found.runs["method"])
        attempted = {family: attempts.of_family(found, family, settings) for family in found.families}
        trainings = {
            family: {str(label): _identities(rows) for label, rows in family.rows(found.runs).groupby("method")}
            for family in found.families
        }
        return cls(folder.name, found, settings, attempted, trainings)

    @property
    def labels(self) -> set[str]:
        """Everything that was run on a student."""
        return {label for own in self.trainings.values() for label in own}

    def against(self, reference: str) -> list[Place]:
        """Every place of the run that holds the reference."""
        chosen = self.settings.model_copy(update={"reference": reference})
        places = []
        for family, own in self.attempts.items():
            if reference in own:
                metric = self.results.metric(family.dataset)
                compared = [row for row in comparisons.compare(own, metric.sign, chosen) if row.method != reference]
                places.append(Place(family, metric, compared, self.trainings[family]))
        return places


def _identities(rows: pd.DataFrame) -> frozenset[tuple[Any, ...]]:
    """Seed, status and configuration; what was trained elsewhere has no configuration, and is told by its scores."""
    named = rows[["seed", "status", "config_hash", "test"]].itertuples(index=False)
    return frozenset((seed, status, hashed or score) for seed, status, hashed, score in named)


def once(places: Iterable[Place]) -> tuple[list[Place], int]:
    """Places without the comparisons of the same trainings that stand in an earlier one, and how many these were.

    Two runs may share a student, one may be part of another, or both lie merged in a third.
    """
    seen: set[tuple[Any, ...]] = set()
    found, again = [], 0
    for place in places:
        kept = [row for row in place.compared if place.key(row) not in seen]
        again += len(place.compared) - len(kept)
        seen |= {place.key(row) for row in kept}
        found.append(replace(place, compared=kept))
    return found, again


def tally(places: Iterable[Place]) -> dict[str, Tally]:
    """Label -> its tally over places that have one reference."""
    rows: dict[str, list[tuple[Metric, Comparison]]] = {}
    for place in places:
        for row in place.compared:
            rows.setdefault(row.method, []).append((place.metric, row))
    return {label: _tally(own) for label, own in rows.items()}


def _tally(rows: Sequence[tuple[Metric, Comparison]]) -> Tally:
    tested = [(metric, row) for metric, row in rows if row.verdict in TESTED]
    counts = {verdict: sum(row.verdict == verdict for _, row in tested) for verdict in TESTED}
    units = {metric.unit for metric, _ in tested}
    difference = median(metric.scale * row.difference for metric, row in tested) if len(units) == 1 else float("nan")
    return Tally(len(rows), counts, difference, max((metric.decimals for metric, _ in tested), default=0))


@dataclass(frozen=True)
class Table:
    """What is printed, how to read it, and the numbers: a row per method and reference, as tally.csv holds them."""

    grid: Grid
    legend: str
    numbers: pd.DataFrame


def table(folders: Sequence[Path], references: Sequence[str], fewest: int = 1) -> Table:
    """One row per method, the best balance against the first reference first.

    Args:
        folders: each with runs and report.json, as `results/NAME` holds them.
        references: labels that every method is compared with, from left to right.
        fewest: places that a method needs against the first reference to have a row.

    Raises:
        FileNotFoundError: a folder has no runs or was never reported.
        ValueError: a folder is named twice, or no run has the reference.
    """
    if twice := named_twice(folders):
        raise ValueError(f"tally: a folder is named twice: {twice}")
    runs = [Run.read(folder) for folder in folders]
    titles = {label: run.settings.method_title(label) for run in reversed(runs) for label in run.settings.methods}
    labels = set().union(*(run.labels for run in runs))
    columns, without, repeated = {}, [], 0
    for reference in references:
        if reference not in labels:
            raise ValueError(f"tally: no run has the reference {reference}; there are: {', '.join(sorted(labels))}")
        places, again = once(place for run in runs for place in run.against(reference))
        columns[reference], repeated = tally(places), max(repeated, again)
        if lacking := [run.name for run in runs if reference not in run.labels]:
            without.append(f" {titles[reference]} is not in {printing.listed(lacking)}.")
    every = columns[references[0]]
    first = {label: own for label, own in every.items() if own.places >= fewest}
    order = sorted(first, key=lambda label: (-first[label].balance, -first[label].places, titles[label]))
    title = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} beside each other"
    legend = _legend(len(every) - len(first), fewest, repeated, without)
    return Table(_grid(title, order, columns, titles), legend, _numbers(order, columns))


def _grid(
    title: str, order: Sequence[str], columns: Mapping[str, Mapping[str, Tally]], titles: Mapping[str, str]
) -> Grid:
    rows: list[list[Entry]] = []
    for label in order:
        parts = (own[label].texts if label in own else [ABSENT] * 3 for own in columns.values())
        rows.append([titles[label], *(text for texts in parts for text in texts)])
    named = [f"than {titles[reference]}" for reference in columns]
    headings = [
        ["", *(name for name in named for _ in range(3))],
        ["Method", *(text for _ in named for text in ("places", "better / neither / worse", "median"))],
    ]
    return Grid("tally", title, headings, [Group("", rows)])


def _numbers(order: Sequence[str], columns: Mapping[str, Mapping[str, Tally]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"method": label, "reference": reference, "places": own[label].places}
        | {str(verdict).replace(" ", "_"): count for verdict, count in own[label].counts.items()}
        | {"median_difference": own[label].difference}
        for label in order
        for reference, own in columns.items()
        if label in own
    )


def _legend(few: int, fewest: int, repeated: int, without: Sequence[str]) -> str:
    same = " What compares the same trainings in several runs counts once." if repeated else ""
    methods, are = ("method", "is") if few == 1 else ("methods", "are")
    left = f" {few} {methods} at fewer than {fewest} places {are} left out." if few else ""
    return (
        "A place is one student under one teacher in one run, a verdict that of the run's own table. Where the three "
        "counts are fewer than the places, the others have no verdict: a method failed there, does not apply, or has "
        "too few seeds. Median: of the differences of the tested places. Methods stand at different places, which may "
        f"share data and teachers: nothing is tested over them.{same}{left}{''.join(without)}"
    )
