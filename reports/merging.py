"""Several folders of results as one: other machines, other configurations, other methods on the same students.

Rows are merged only where they were made of the same things. The seeds of a cell must have one configuration, two
folders that both hold a training must agree on it, folders that share a dataset must have prepared it to the same
fingerprint, and those that share a student must share one of its methods: a difference between methods would otherwise
be one between data, code, trainings or teachers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reports import adding, build
from reports.files import replacing, write_text
from reports.findings import Findings
from reports.provenance import fingerprints
from reports.reading import named_twice, read_object
from reports.results import HISTORIES, read_beside, read_runs
from reports.rows import CELL, FAMILY, FIDELITY, RUN_COLUMNS, SCORES, Status

CIRCUMSTANCES = ["seconds", "peak_memory_mb", "device", "commit", "versions", "reason"]
"""Columns in which two trainings of the same cell and seed may differ."""
OUTCOME = ["status", *SCORES, *FIDELITY, "best_epoch"]
SAME = [name for name in RUN_COLUMNS if name not in (*CELL, *CIRCUMSTANCES, *OUTCOME)] + OUTCOME
"""Columns in which they may not, causes before what comes of them."""
NAMED = ("methods", "datasets", "networks", "data_citations")
"""Settings that hold facts by name: a name has one meaning in the merged report."""
LISTED = {
    "tuning": ("dataset", "teacher", "student", "tuned"),
    "hyperparameters": ("dataset", "teacher", "student", "ratio_target", "method"),
}
"""Settings that are lists, and what names an entry: of two the first stays, as of two rows."""


def merge(folders: Sequence[Path], output: Path, title: str = "") -> Findings:
    """Writes the tidy files of all folders into one, and the report of them.

    Methods, datasets and their order are those of the first folder, then those of the next; reference, level and the
    other settings those of the first.

    Args:
        folders: each with runs, provenance.json and report.json.
        output: a folder that holds no results of its own.
        title: heading of the page; that of the first folder by default.

    Returns:
        What the report says.

    Raises:
        ValueError: they contradict each other; the folders and the first row or dataset are named.
        FileNotFoundError: a folder has no runs or was never reported.
    """
    if (output / "runs.parquet").exists():
        raise ValueError(f"{output}: holds runs already; what is written goes into a new folder")
    if twice := named_twice(folders):
        raise ValueError(f"{twice}: is named twice")
    runs = {folder: read_runs(folder)[RUN_COLUMNS] for folder in folders}
    provenance = {folder: read_object(folder / "provenance.json") for folder in folders}
    settings = _settings({folder: build.settings_of(folder) for folder in folders})
    _check_data(provenance)
    _check_configurations(runs)
    _check_families(runs)
    _check_added(runs)
    kept = _kept(runs)
    output.mkdir(parents=True, exist_ok=True)
    merged_runs = pd.concat([own for own in kept.values() if len(own)], ignore_index=True)[RUN_COLUMNS]
    merged_runs = merged_runs.astype({"best_epoch": "Int64"}).sort_values(CELL, ignore_index=True)
    _write(output / "runs.parquet", merged_runs)
    write_text(output / "runs.csv", merged_runs.to_csv(index=False, lineterminator="\n"))
    _copy_added(folders, output)
    for name in HISTORIES:
        parts = [part for folder in folders if len(part := _of(kept[folder], read_beside(folder, name)))]
        if parts:
            _write(output / name, pd.concat(parts, ignore_index=True))
    measured = [part for folder in folders if len(part := read_beside(folder, "measurements.csv"))]
    if measured:
        one = pd.concat(measured, ignore_index=True).drop_duplicates(["dataset", "role", "model", "ratio_target"])
        write_text(output / "measurements.csv", one.to_csv(index=False, lineterminator="\n"))
    merged = dict(zip(_names(folders), provenance.values(), strict=True))
    write_text(output / "provenance.json", json.dumps({"merged": merged}, indent=1, sort_keys=True) + "\n")
    return build.write(output, settings | ({"title": title} if title else {}))


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' names without their paths, which are those of one machine; `quick (2)` for a second `quick`."""
    names = [folder.name for folder in folders]
    before = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{name} ({count + 1})" if count else name for name, count in zip(names, before, strict=True)]


def _settings(stated: Mapping[Path, Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of the first folder with what all state of methods, datasets, networks, choices and sources."""
    (first, found), *others = stated.items()
    merged = dict(found)
    for folder, own in others:
        for key in NAMED:
            known = dict(merged.get(key, {}))
            for name, facts in own.get(key, {}).items():
                if known.setdefault(name, facts) != facts:
                    raise ValueError(f"{folder}: {key}: {name} is another one than in {first}; give one another name")
            merged[key] = known
        # An entry that a newer version spells in another way is the same source.
        merged["references"] = {**own.get("references", {}), **merged.get("references", {})}
        for key, names in LISTED.items():
            known = {tuple(each[name] for name in names): each for each in own.get(key, ())}
            before = {tuple(each[name] for name in names): each for each in merged.get(key, ())}
            merged[key] = [*before.values(), *(each for name, each in known.items() if name not in before)]
    return merged


def _check_data(provenance: Mapping[Path, Mapping[str, Any]]) -> None:
    """Every dataset has one fingerprint."""
    known: dict[str, tuple[str, Path]] = {}
    for folder, found in provenance.items():
        for dataset, fingerprint in fingerprints(found):
            first, where = known.setdefault(dataset, (fingerprint, folder))
            if first != fingerprint:
                raise ValueError(
                    f"{folder}: {dataset} is not the data of {where} (fingerprints {fingerprint[:12]} and {first[:12]})"
                )


def _check_configurations(runs: Mapping[Path, pd.DataFrame]) -> None:
    """All seeds of a cell, wherever they lie, have one configuration: a mean over two would be that of neither."""
    known: dict[tuple[Any, ...], tuple[str, Path]] = {}
    for folder, found in runs.items():
        for row in _records(found):
            hashed, where = known.setdefault(_named(row, [*FAMILY, "method"]), (row["config_hash"], folder))
            if hashed != row["config_hash"]:
                hashes = f"config_hash {row['config_hash']} and {hashed}"
                raise ValueError(
                    f"{folder}: {_told(row)}: was trained with another configuration than in {where} ({hashes})"
                )


def _check_families(runs: Mapping[Path, pd.DataFrame]) -> None:
    """Nothing but a method that both have tells that two folders train a student alike, under the same teacher."""
    known: dict[tuple[Any, ...], set[str]] = {}
    for folder, found in runs.items():
        for family, own in found[found["student"] != found["teacher"]].groupby(FAMILY, dropna=False):
            name, methods = _named(dict(zip(FAMILY, family, strict=True)), FAMILY), set(own["method"])
            if not methods & known.setdefault(name, methods):
                raise ValueError(
                    f"{folder}: dataset {name[0]}, teacher {name[1]}, student {name[2]}: has no method in common with "
                    "the folders before it, so that nothing tells whether its students were trained as theirs; "
                    "give both the floor or the reference"
                )
            known[name] |= methods


def _records(runs: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in runs.to_dict("records")]


def _named(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[Any, ...]:
    """The values of some columns, equal where they are blank."""
    return tuple("" if pd.isna(row[name]) else row[name] for name in columns)


def _told(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in ("dataset", "teacher", "student", "method", "seed"))


def _kept(runs: Mapping[Path, pd.DataFrame]) -> dict[Path, pd.DataFrame]:
    """Of every training the row of the first folder that has it; a missing one counts as none."""
    known: dict[tuple[Any, ...], tuple[dict[str, Any], Path]] = {}
    kept: dict[Path, list[dict[str, Any]]] = {folder: [] for folder in runs}
    order = [(folder, row) for folder, found in runs.items() for row in _records(found)]
    order.sort(key=lambda item: item[1]["status"] == Status.MISSING)
    for folder, row in order:
        cell = _named(row, CELL)
        if cell not in known:
            known[cell] = row, folder
            kept[folder].append(row)
        elif row["status"] != Status.MISSING:
            _check_same(row, folder, *known[cell])
    return {folder: pd.DataFrame(rows, columns=RUN_COLUMNS) for folder, rows in kept.items()}


def _check_same(row: Mapping[str, Any], folder: Path, first: Mapping[str, Any], where: Path) -> None:
    for name in SAME:
        if row[name] != first[name] and not (pd.isna(row[name]) and pd.isna(first[name])):
            raise ValueError(f"{folder}: {_told(row)}: {name} is {row[name]}, and {first[name]} in {where}")


def _check_added(runs: Mapping[Path, pd.DataFrame]) -> None:
    """What was added to one run is no method of another."""
    for folder in runs:
        for file in adding.files(folder):
            for found in runs.values():
                adding.check_free(file, file.stem, found)


def _of(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The rows of a history that belong to these runs; none where other folders have all of them."""
    if runs.empty:
        return history.iloc[:0]
    return history.merge(runs[CELL], on=CELL)[list(history.columns)]


def _copy_added(folders: Sequence[Path], output: Path) -> None:
    """Results from elsewhere go with the run that they were added to."""
    known: dict[str, Path] = {}
    for folder in folders:
        for file in adding.files(folder):
            first = known.setdefault(file.name, file)
            if first.read_bytes() != file.read_bytes():
                raise ValueError(f"{file}: is another one than {first}; give one a new label")
            write_text(output / adding.FOLDER / file.name, file.read_text(encoding="utf-8"))


def _write(path: Path, frame: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False)
