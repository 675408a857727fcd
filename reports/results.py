"""Reads the tidy files of a run and puts them into one canonical form, whatever the order of their rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reports import metrics, printing
from reports.rows import ATTENTION_COLUMNS, CELL, CURVE_COLUMNS, FAMILY, MEASUREMENT_COLUMNS, RUN_COLUMNS, Status
from reports.settings import Settings


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
    def slug(self) -> str:
        """Safe and unique part of a file name."""
        target = "" if self.ratio_target is None else f"-{self.ratio_target:g}x"
        return slug(f"{self.dataset}-{self.teacher}-{self.student}{target}")


@dataclass(frozen=True, eq=False)
class Results:
    """The tidy files of one run.

    Attributes:
        runs: RUN_COLUMNS and `usable` (status ok and a finite test score), sorted by cell and seed.
        measurements, curves, attention: as written; empty frames with their columns where the file is absent.
        provenance: free-form.
        families: in display order, without the teachers' own rows.
    """

    runs: pd.DataFrame
    measurements: pd.DataFrame
    curves: pd.DataFrame
    attention: pd.DataFrame
    provenance: dict[str, Any]
    families: list[Family]

    def metric(self, dataset: str) -> metrics.Metric:
        """The metric of a dataset's test scores."""
        return metrics.metric(str(self.runs.loc[self.runs["dataset"] == dataset, "metric"].iloc[0]))

    def ratio(self, family: Family) -> float:
        """Compression that the student really has (its wanted one differs, since widths are whole numbers)."""
        return float(family.rows(self.runs)["ratio"].median())

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


def prepare(runs: pd.DataFrame) -> pd.DataFrame:
    """Checks and sorts a frame of runs, and adds `usable`.

    Raises:
        ValueError: missing columns, unknown statuses or metrics, two metrics on one dataset, or two rows for one cell
            and seed: each would make a table say something other than what was run.
    """
    missing = [column for column in RUN_COLUMNS if column not in runs]
    if missing:
        raise ValueError(f"runs: missing columns {missing}")
    runs = runs[RUN_COLUMNS].reset_index(drop=True)
    for column in ("dataset", "teacher", "student", "method", "status", "metric"):
        runs[column] = runs[column].astype(str)
    for column in ("ratio_target", "ratio", "ratio_with_embeddings", "train", "valid", "test", "seconds"):
        runs[column] = runs[column].astype(float)
    runs["reason"] = runs["reason"].astype(object).where(runs["reason"].notna(), "").astype(str)
    strange = sorted(set(runs["status"]) - set(Status))
    if strange:
        raise ValueError(f"runs: unknown status {', '.join(strange)}; allowed: {', '.join(Status)}")
    for dataset, names in runs.groupby("dataset")["metric"].unique().items():
        if len(names) > 1:
            raise ValueError(f"runs: dataset {dataset} has more than one metric: {sorted(names)}")
        metrics.metric(names[0])
    twice = runs[runs.duplicated(CELL, keep=False)]
    if len(twice):
        raise ValueError(f"runs: more than one row for {twice[CELL].iloc[0].to_dict()}")
    runs["usable"] = (runs["status"] == Status.OK) & np.isfinite(runs["test"])
    return runs.sort_values(CELL, kind="stable", ignore_index=True)


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


def load(folder: Path, settings: Settings) -> Results:
    """Reads `runs.parquet` (or `runs.csv`) and whatever else is there.

    Raises:
        FileNotFoundError: there are no runs.
        ValueError: runs that contradict themselves (see `prepare`).
    """
    parquet = folder / "runs.parquet"
    raw = pd.read_parquet(parquet) if parquet.exists() else pd.read_csv(folder / "runs.csv")
    runs = prepare(raw)
    provenance = folder / "provenance.json"
    return Results(
        runs=runs,
        measurements=_optional(folder / "measurements.csv", MEASUREMENT_COLUMNS, ["dataset", "role", "model"]),
        curves=_optional(folder / "curves.parquet", CURVE_COLUMNS, [*CELL, "epoch"]),
        attention=_optional(folder / "attention.parquet", ATTENTION_COLUMNS, [*CELL, "name", "epoch", "row", "column"]),
        provenance=json.loads(provenance.read_text()) if provenance.exists() else {},
        families=families(runs, settings),
    )


def _optional(path: Path, columns: list[str], order: list[str]) -> pd.DataFrame:
    """A frame in canonical order, empty where its file is absent or holds nothing."""
    if not path.exists() or not path.stat().st_size:
        return pd.DataFrame(columns=columns)
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    if frame.empty:
        return pd.DataFrame(columns=columns)
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(f"{path.name}: missing columns {missing}")
    return frame[columns].sort_values(order, kind="stable", ignore_index=True)
