"""Reads the files of a run. Whatever is wrong with one is a ValueError in one line that begins with its path."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, get_args

import numpy as np
import pandas as pd
from pyarrow import ArrowException
from pydantic import BaseModel

from reports.printing import one_line
from reports.rows import ATTENTION_COLUMNS, CURVE_COLUMNS, LAYER_COLUMNS, TERM_COLUMNS, Measurement, Row


class Kind(NamedTuple):
    """What a column holds: `str`, `int`, `float` or an enumeration of words, and whether cells may be blank."""

    type: type
    optional: bool


Kinds = Mapping[str, Kind]
TEXT = ("task", "reason", "device", "config_hash", "commit", "versions")
"""Columns of words that may be blank; the others name what was trained, or say what became of it."""
UNKNOWN = ("seconds", "peak_memory_mb")
"""Numbers that a training which broke off may lack."""


def kinds(model: type[BaseModel]) -> dict[str, Kind]:
    """The columns of a table from the model of its rows."""
    found = {}
    for name, field in model.model_fields.items():
        types = get_args(field.annotation) or (field.annotation,)
        found[name] = Kind(types[0], NoneType in types or name in (*TEXT, *UNKNOWN))
    return found


RUNS = kinds(Row)
MEASUREMENTS = kinds(Measurement)
_HISTORY = {
    **RUNS,
    "epoch": Kind(int, False),
    "loss": Kind(float, True),
    "name": Kind(str, False),
    "row": Kind(int, False),
    "column": Kind(int, False),
    "value": Kind(float, True),
}
CURVES = {name: _HISTORY[name] for name in CURVE_COLUMNS}
TERMS = {name: _HISTORY[name] for name in TERM_COLUMNS}
ATTENTION = {name: _HISTORY[name] for name in ATTENTION_COLUMNS}
LAYERS = {name: _HISTORY[name] for name in LAYER_COLUMNS}


def named_twice(folders: Sequence[Path]) -> Path | None:
    """The first folder that an earlier one leads to, too, by whatever path; None where all are different."""
    places = [folder.resolve() for folder in folders]
    return next((folder for number, folder in enumerate(folders) if places[number] in places[:number]), None)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        ValueError: it cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {one_line(error)}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: must hold a JSON object, not {type(found).__name__}")
    return found


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """A CSV file with a header, as pandas reads it.

    Raises:
        ValueError: it is none, or its rows have more fields than its header: pandas would take the first for a name,
            and every other one for its neighbour.
        OSError: it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame: pd.DataFrame = pd.read_csv(path, index_col=False, **options)
        except pd.errors.ParserWarning:
            raise ValueError("rows have more fields than the header names") from None
    return frame


def read_table(path: Path, columns: Kinds) -> pd.DataFrame:
    """A Parquet or CSV file as `typed` gives it.

    Raises:
        ValueError: it cannot be read, or see `typed`.
    """
    words = {name: str for name, kind in columns.items() if issubclass(kind.type, str)}
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:  # words stay words: a commit or a label may look like a number, or like a missing one
            frame = read_csv(path, dtype=words, keep_default_na=False, na_values=[""], low_memory=False)
    except (OSError, ValueError, ArrowException) as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from error
    return typed(frame, columns, str(path))


def typed(frame: pd.DataFrame, columns: Kinds, where: str) -> pd.DataFrame:
    """The frame with these columns in this order, words as `str`, numbers as `int64` or `float64`.

    Args:
        where: what errors begin with.

    Raises:
        ValueError: a column is missing or unknown, a cell is blank where none may be, a number is none, is infinite or
            not whole, or a word is not allowed.
    """
    if missing := [name for name in columns if name not in frame]:
        raise ValueError(f"{where}: missing columns {missing}")
    if unknown := [str(name) for name in frame if name not in columns]:
        raise ValueError(f"{where}: unknown columns {unknown}; allowed: {list(columns)}")
    frame = frame.reset_index(drop=True)
    return pd.DataFrame({name: _column(frame[name], kind, f"{where}: {name}") for name, kind in columns.items()})


def _column(values: pd.Series, kind: Kind, where: str) -> pd.Series:
    blank = values.isna() | (values == "").fillna(False)
    if blank.any() and not kind.optional:
        raise ValueError(f"{where} is blank in row {_first(blank)}")
    if not issubclass(kind.type, str):
        return _numbers(values.mask(blank), kind, where)
    words = values.astype(object).where(~blank, "").astype(str)
    if issubclass(kind.type, StrEnum) and (strange := sorted(set(words) - set(kind.type))):
        what, allowed = kind.type.__name__.lower(), ", ".join(kind.type)
        raise ValueError(f"{where}: unknown {what} {', '.join(strange)}; allowed: {allowed}")
    return words


def _numbers(values: pd.Series, kind: Kind, where: str) -> pd.Series:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        raise ValueError(f"{where} holds {values.dtype} where numbers must stand")
    try:
        numbers = pd.to_numeric(values).astype(float)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where} holds no number: {one_line(error)}") from error
    if (infinite := numbers.abs() == np.inf).any():
        raise ValueError(f"{where} is infinite in row {_first(infinite)}")
    if kind.type is not int or kind.optional:
        return numbers
    if (broken := numbers % 1 != 0).any():
        raise ValueError(f"{where} is not a whole number in row {_first(broken)}")
    if (large := numbers.abs() > 2**53).any():  # beyond which a float skips whole numbers
        raise ValueError(f"{where} is too large in row {_first(large)}")
    return numbers.astype("int64")


def _first(rows: pd.Series) -> int:
    """The first row that is marked, counted from 1 without the heading."""
    return int(rows.to_numpy().argmax()) + 1
