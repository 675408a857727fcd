"""Reads the tidy files of a run and puts them into one canonical form, whatever the order of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from reports import adding, metrics, printing
from reports.files import anonymous
from reports.reading import ATTENTION, CURVES, LAYERS, MEASUREMENTS, RUNS, TERMS, Kinds, read_object, read_table, typed
from reports.rows import CELL, FAMILY, FIDELITY, RUN_COLUMNS, SCORES, Status, sized
from reports.settings import Settings

RUN_FILES = ("runs.parquet", "runs.csv")


HISTORIES: dict[str, tuple[Kinds, list[str]]] = {
    "curves.parquet": (CURVES, [*CELL, "epoch"]),
    "terms.parquet": (TERMS, [*CELL, "epoch", "name"]),
    "attention.parquet": (ATTENTION, [*CELL, "name", "epoch", "row", "column"]),
    "layers.parquet": (LAYERS, [*CELL, "name", "row", "column"]),
}
"""Tables of what happened in a training, and the columns that name a row."""
BESIDE = HISTORIES | {"measurements.csv": (MEASUREMENTS, ["dataset", "role", "model"])}


class Family(NamedTuple):
    """One student under one teacher; `ratio_target` is None where the student was given by its widths."""

    dataset: str
    teacher: str
    student: str
    ratio_target: float | None

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a frame with the FAMILY columns that belong to this family."""
        target = frame["ratio_target"]
        same_target = target.isna() if self.ratio_target is None else target == self.ratio_target
        return frame[
            (frame["dataset"] == self.dataset)
            & (frame["teacher"] == self.teacher)
            & (frame["student"] == self.student)
            & same_target
        ]

    @property
    def sized(self) -> str:
        """The student as `NAMExWIDTH`, with `~RATIOx` behind it where one was wanted."""
        return sized(self.student, self.ratio_target)

    @property
    def slug(self) -> str:
        """Safe and unique part of a file name."""
        return slug(f"{self.dataset}-{self.teacher}-{self.sized.replace('~', '-')}")


@dataclass(frozen=True, eq=False)
class Results:
    """The tidy files of one run.

    Attributes:
        runs: RUN_COLUMNS, `usable` (status ok and a test score) and `paired` (False for what was added with seeds of
            its own), sorted by cell and seed.
        measurements, curves, terms, attention, layers: as written; empty frames with their columns where the file is
            absent.
        provenance: free-form.
        families: in display order, without the teachers' own rows.
    """

    runs: pd.DataFrame
    measurements: pd.DataFrame
    curves: pd.DataFrame
    terms: pd.DataFrame
    attention: pd.DataFrame
    provenance: dict[str, Any]
    families: list[Family]
    layers: pd.DataFrame = field(default_factory=pd.DataFrame)

    def metric(self, dataset: str) -> metrics.Metric:
        """The metric of a dataset's test scores."""
        return metrics.metric(self._metrics[dataset])

    @cached_property
    def _metrics(self) -> dict[str, str]:
        """Dataset -> its one metric."""
        return {str(name): str(own.iloc[0]) for name, own in self.runs.groupby("dataset")["metric"]}

    def ratio(self, family: Family) -> float:
        """Compression that the student really has (its wanted one differs, since widths are whole numbers)."""
        return self._ratios[family]

    @cached_property
    def _ratios(self) -> dict[Family, float]:
        return {family: float(family.rows(self.runs)["ratio"].median()) for family in self.families}

    def size(self, family: Family) -> str:
        """Compression as printed, `40×`: the wanted one, or the real one of a student given by its widths."""
        return printing.ratio(self.ratio(family) if family.ratio_target is None else family.ratio_target)

    def families_by_dataset(self) -> Iterator[tuple[str, list[Family]]]:
        """(dataset, its families) in display order."""
        for dataset in dict.fromkeys(family.dataset for family in self.families):
            yield dataset, [family for family in self.families if family.dataset == dataset]


def slug(text: str) -> str:
    """Text as part of a file name: lower case, an underscore for every other character."""
    return "".join(character if character.isalnum() or character in "-." else "_" for character in text).lower()


def prepare(runs: pd.DataFrame, where: str = "runs") -> pd.DataFrame:
    """Checks and sorts a frame of runs, makes its reasons anonymous, and adds `usable` and `paired`.

    Args:
        where: what errors begin with.

    Raises:
        ValueError: see `reports.reading.typed`; no rows, unknown metrics, two metrics on one dataset, scores or ratios
            that cannot be, or two rows for one cell and seed: each would make a table say something other than what
            was run.
    """
    runs = typed(runs, RUNS, where)
    if runs.empty:
        raise ValueError(f"{where}: holds no rows")
    runs["reason"] = runs["reason"].map(anonymous).map(printing.printable)
    runs["paired"] = True
    runs["usable"] = (runs["status"] == Status.OK) & runs["test"].notna()
    if not (runs["ratio"] > 0).all():
        raise ValueError(f"{where}: ratio must be above 0")
    for dataset, own in runs.groupby("dataset"):
        _check_scores(own, f"{where}: dataset {dataset}")
    twice = runs[runs.duplicated(CELL, keep=False)]
    if len(twice):
        raise ValueError(f"{where}: more than one row for {twice[CELL].iloc[0].to_dict()}")
    return runs.sort_values(CELL, kind="stable", ignore_index=True)


def _check_scores(runs: pd.DataFrame, where: str) -> None:
    """One dataset has one metric, and scores that it can have: an accuracy of 82 was once one of 0.82."""
    names = sorted(set(runs["metric"]))
    if len(names) > 1:
        raise ValueError(f"{where} has more than one metric: {names}")
    try:
        low, high = metrics.metric(names[0]).limits
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    limits = dict.fromkeys(SCORES, (names[0], low, high))
    limits |= {column: (column, *bounds) for column, bounds in FIDELITY.items()}
    for column, (name, low, high) in limits.items():
        strange = runs.loc[~runs[column].between(low, high) & runs[column].notna(), column]
        if len(strange):
            raise ValueError(f"{where}: {column} is {strange.iloc[0]:g}; {name} lies from {low:g} to {high:g}")


def families(runs: pd.DataFrame, settings: Settings) -> list[Family]:
    """The families of a run: datasets in display order, then teacher, student, and growing compression."""
    students = runs[runs["method"] != settings.ceiling]
    sizes = students.groupby(FAMILY, dropna=False)["ratio"].median()
    place = {dataset: number for number, dataset in enumerate(settings.dataset_order(students["dataset"]))}

    def key(item: tuple[Family, float]) -> tuple[Any, ...]:
        family, size = item
        return place[family.dataset], family.teacher, architecture(family.student), size, family.student

    found = [
        (Family(str(dataset), str(teacher), str(student), None if pd.isna(target) else float(target)), size)
        for dataset, teacher, student, target, size in sizes.reset_index().itertuples(index=False)
    ]
    return [family for family, _ in sorted(found, key=key)]


def architecture(student: str) -> str:
    """`mol-gcn-2x16` -> `mol-gcn-2`: the name without the width, which is what changes along a compression axis."""
    head, _, width = student.rpartition("x")
    return head if head and width.isdigit() else student


def read_runs(folder: Path) -> pd.DataFrame:
    """The runs of a folder, of `runs.parquet` or else `runs.csv`, as `prepare` gives them.

    Raises:
        FileNotFoundError: there are none.
        ValueError: they cannot be read, or see `prepare`.
    """
    path = next((path for name in RUN_FILES if (path := folder / name).exists()), None)
    if path is None:
        raise FileNotFoundError(f"{folder} holds neither {' nor '.join(RUN_FILES)}; the run comes first")
    return prepare(read_table(path, RUNS), str(path))


def load(folder: Path, settings: Settings) -> Results:
    """Reads the runs and whatever else is there.

    Raises:
        FileNotFoundError: there are no runs.
        ValueError: files that cannot be read or contradict themselves.
    """
    runs = _with_added(read_runs(folder), folder)
    provenance = folder / "provenance.json"
    return Results(
        runs=runs,
        measurements=read_beside(folder, "measurements.csv"),
        curves=read_beside(folder, "curves.parquet"),
        terms=read_beside(folder, "terms.parquet"),
        attention=read_beside(folder, "attention.parquet"),
        provenance=anonymous(read_object(provenance)) if provenance.exists() else {},
        families=families(runs, settings),
        layers=read_beside(folder, "layers.parquet"),
    )


def _with_added(runs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows of a run and those that were added to it."""
    added = adding.rows(folder, runs)
    if added.empty:
        return runs
    paired = {label: bool(own.all()) for label, own in added.groupby("method")["paired"]}
    both = prepare(pd.concat([runs[RUN_COLUMNS], added[RUN_COLUMNS]], ignore_index=True), str(folder))
    return both.assign(paired=both["method"].map(paired).fillna(True).astype(bool))


def read_beside(folder: Path, name: str) -> pd.DataFrame:
    """A table that may stand beside the runs, ordered by its key; empty where its file is absent or holds nothing.

    Raises:
        ValueError: it cannot be read, or names a row twice (but of `measurements.csv`, where a network may stand at
            several ratios).
    """
    path, (columns, key) = folder / name, BESIDE[name]
    unique = name in HISTORIES
    if not path.exists() or not path.stat().st_size:
        return pd.DataFrame(columns=list(columns))
    frame = read_table(path, columns)
    twice = frame[frame.duplicated(key, keep=False)]
    if unique and len(twice):
        raise ValueError(f"{path}: more than one row for {twice[key].iloc[0].to_dict()}")
    return frame.sort_values(key, kind="stable", ignore_index=True)
