"""Results that were trained elsewhere, as further methods of a run: `added/LABEL.csv` beside its rows.

Their seeds are their own unless the file says otherwise, so that they are compared by Welch's test and not by pairs. A
file says which student of the run it is about, which seed, and the test score as the rows state it (0.82, not 82).
What is kept also states what it was added to: where data, teacher or student are others by now, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import numpy as np
import pandas as pd

from reports import provenance
from reports.files import replacing
from reports.reading import RUNS, Kind, read_object, read_table
from reports.rows import CELL, FAMILY, FIDELITY, RUN_COLUMNS, Row, Status
from reports.variants import prepared

FOLDER = "added"
LABEL = re.compile(r"[a-z0-9][a-z0-9+.-]{0,99}")
REQUIRED = ("dataset", "teacher", "student", "seed", "test")
OPTIONAL = ("ratio_target", "paired", "train", "valid", *FIDELITY, "seconds", "peak_memory_mb")
BASIS = ("data", "teacher_config", "student_size")
"""What a kept row was added to: fingerprint of the dataset, `config_hash` of the teacher, parameters of the student."""
PAIRED = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False, "": False}
COLUMNS = [*RUN_COLUMNS, "paired", *BASIS]
OF_STUDENT = ("task", "metric", "ratio", "ratio_with_embeddings", "teacher_params", "student_params", "threads")
"""Columns that the student decides, whatever it was taught by."""


def named(file: Path, label: str, runs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """A file as rows of the run, see `read`, under a label that is free.

    Args:
        runs: the run's own rows, as `reports.results.read_runs` gives them.
        folder: results/NAME.

    Raises:
        ValueError: one line that says what is wrong with the label or the file.
    """
    if not LABEL.fullmatch(label):
        raise ValueError(
            f"method {label!r}: a label holds small letters, digits and + . - and begins with one of those"
        )
    check_free(file, label, runs)
    return read(file, label, runs, _fingerprints(folder))


def check_free(file: Path, label: str, runs: pd.DataFrame) -> None:
    """Raises ValueError where a label is that of a run's own rows."""
    if label in set(runs["method"]):
        raise ValueError(f"{file}: method {label!r} is one of the run's own; give these results another label")


def keep(folder: Path, label: str, rows: pd.DataFrame) -> None:
    """Writes rows as `added/LABEL.csv` of results/NAME, in place of earlier ones of this label."""
    with replacing(folder / FOLDER / f"{label}.csv") as temporary:
        rows[[*REQUIRED, *OPTIONAL, *BASIS]].to_csv(temporary, index=False)


def files(folder: Path) -> list[Path]:
    """All that was added to a run."""
    return sorted((folder / FOLDER).glob("*.csv"))


def _fingerprints(folder: Path) -> dict[str, str]:
    """Dataset -> fingerprint, as far as a run states them."""
    file = folder / "provenance.json"
    return dict(provenance.fingerprints(read_object(file))) if file.exists() else {}


def rows(folder: Path, runs: pd.DataFrame) -> pd.DataFrame:
    """[n, COLUMNS] rows of all that was added to a run, by label; empty without any.

    Raises:
        ValueError: a file that does not fit the rows any more, or whose label the run has by now.
    """
    for file in files(folder):
        check_free(file, file.stem, runs)
    fingerprints = _fingerprints(folder)
    found = [read(file, file.stem, runs, fingerprints) for file in files(folder)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def read(file: Path, label: str, runs: pd.DataFrame, fingerprints: Mapping[str, str]) -> pd.DataFrame:
    """A file as rows of the run, with `paired` and BASIS.

    Raises:
        ValueError: it was added to other data, another teacher or another student; a column is missing or unknown, a
            student is not of this run, a seed stands there twice, a score is missing, or `paired` is said of seeds that
            the run does not have.
    """
    try:
        stated = pd.read_csv(file, nrows=0, encoding="utf-8-sig").columns
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: cannot be read: {' '.join(str(error).split())}") from error
    if unknown := [str(name) for name in stated if name not in (*REQUIRED, *OPTIONAL, *BASIS)]:
        raise ValueError(f"{file}: unknown columns {unknown}; allowed: {', '.join((*REQUIRED, *OPTIONAL))}")
    columns = {name: Kind(float, True) for name in OPTIONAL if name in stated}
    columns |= {name: RUNS[name] for name in REQUIRED}
    columns |= {name: Kind(str, True) for name in ("paired", *BASIS) if name in stated}
    table = read_table(file, columns | {"test": Kind(float, False)}).reindex(columns=[*REQUIRED, *OPTIONAL, *BASIS])
    if table.empty:
        raise ValueError(f"{file}: holds no rows")
    table["paired"] = _paired(table, file)
    for name in ("seed", "seconds", "peak_memory_mb"):
        if (table[name] < 0).any():
            raise ValueError(f"{file}: {name} is {table[name].min():g}; allowed: 0 and above")
    students = runs[runs["student"] != runs["teacher"]].drop_duplicates(FAMILY)
    made = []
    for number, row in enumerate(_records(table), start=1):
        own = _row(row, label, students, f"{file}: row {number}")
        made.append(own | _basis(own, row, runs, fingerprints, f"{file}: row {number}"))
    found = pd.DataFrame(made, columns=COLUMNS)
    twice = found[found.duplicated(CELL)]
    if len(twice):
        raise ValueError(f"{file}: seed {twice['seed'].iloc[0]} of {twice['student'].iloc[0]} stands there twice")
    _check_seeds(found, runs, file)
    return found


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _paired(table: pd.DataFrame, file: Path) -> pd.Series:
    words = table["paired"].astype(object).fillna("").astype(str).str.lower()
    if strange := sorted(set(words) - set(PAIRED)):
        raise ValueError(f"{file}: paired is {strange[0]!r}; allowed: true, false")
    found = words.map(PAIRED)
    if found.nunique() > 1:
        raise ValueError(f"{file}: paired differs between rows; allowed: one answer for all: one test is made of them")
    return found


def _row(row: dict[str, Any], label: str, students: pd.DataFrame, where: str) -> dict[str, Any]:
    """One row of the run for one of the file."""
    same = students[(students[["dataset", "teacher", "student"]] == [row[name] for name in FAMILY[:3]]).all(axis=1)]
    if not np.isnan(row["ratio_target"]):
        same = same[same["ratio_target"] == row["ratio_target"]]
    if len(same) != 1:
        asked = ", ".join(f"{name} {row[name]}" for name in FAMILY if not pd.isna(row[name]))
        known = sorted({f"{a}, {b}, {c}" for a, b, c in students[FAMILY[:3]].itertuples(index=False)})
        what = "says not at which ratio_target: " if len(same) else "is no student of this run: "
        raise ValueError(f"{where} {what}{asked}; allowed (dataset, teacher, student): {'; '.join(known)}")
    student = same.iloc[0]
    blank = {name: _blank(name) for name in RUN_COLUMNS}
    own = {name: row[name] for name in (*REQUIRED, *OPTIONAL)}
    taken = {name: student[name] for name in (*OF_STUDENT, *FAMILY)}
    return {**blank, **own, **taken, "method": label, "status": Status.OK, "reason": ""}


def _basis(
    own: dict[str, Any], row: dict[str, Any], runs: pd.DataFrame, fingerprints: Mapping[str, str], where: str
) -> dict[str, str]:
    """What a row is added to now. Raises ValueError where the file says that it was added to something else."""
    dataset, teacher = prepared(str(own["dataset"])), own["teacher"]
    taught = runs[(runs[["dataset", "teacher", "student"]] == [dataset, teacher, teacher]).all(axis=1)]
    hashed = str(taught["config_hash"].iloc[0]) if len(taught) else ""
    found = dict(zip(BASIS, (fingerprints.get(dataset, ""), hashed, str(own["student_params"])), strict=True))
    whats = f"other data than {dataset} has now", f"another teacher {teacher}", f"another student {own['student']}"
    for (name, now), what in zip(found.items(), whats, strict=True):
        before = "" if pd.isna(row[name]) else str(row[name])
        if before and now and before != now:
            told = f"was added to {what} ({name} {before[:12]}, now {now[:12]})"
            raise ValueError(f"{where}: {told}; add results of today by abkd-bench add-results, or delete the file")
    return found


def _blank(name: str) -> Any:
    """What stands for a number or word that results from elsewhere do not have."""
    kinds = get_args(Row.model_fields[name].annotation) or (Row.model_fields[name].annotation,)
    if str in kinds:
        return ""
    return np.nan if NoneType in kinds or float in kinds else 0


def _check_seeds(found: pd.DataFrame, runs: pd.DataFrame, file: Path) -> None:
    """Pairs need the same seeds."""
    for _, rows in found[found["paired"].astype(bool)].groupby(FAMILY, dropna=False):
        strange = sorted(set(rows["seed"]) - set(runs["seed"]))
        if strange:
            raise ValueError(f"{file}: paired, but the run has no seed {strange[0]}")
