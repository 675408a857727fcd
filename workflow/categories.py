"""Features of the nodes or edges of many graphs -> columns of categories. A part of `workflow.importing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workflow import given
from workflow.given import Teller

LARGEST = 2**31
"""Above every category, so that all are whole numbers in 64 bits, whatever type they come in."""


def read(parts: Sequence[Any], rows: Sequence[int], key: str, into: Teller) -> np.ndarray:
    """All graphs' rows [N, k] int64 of categories; one column of zeros where no graph has any.

    Args:
        parts: of each graph [n, k] or [n] whole numbers from 0 on. Rows of floats with a single 1, in all graphs, are
            one category each. None or [n, 0] for none.
        rows: n of each graph. What an array without rows is like does not matter.
        key: what it is called.

    Raises:
        UserError: one line that names the first graph at fault, for another shape, text, numbers that are no category,
            graphs that differ in k, and categories that are numbered with large gaps (`given.scattered`).
    """
    pairs = enumerate(zip(parts, rows, strict=True))
    shaped = [_shaped(part, n, f"graph {number}: {key}", into) for number, (part, n) in pairs]
    filled = [number for number, n in enumerate(rows) if n]
    widths = {number: shaped[number].shape[1] for number in filled}
    if not any(widths.values()):
        into.tell(f"graphs have no {key}: every row is of one category")
        return np.zeros((sum(rows), 1), np.int64)
    first = next(iter(widths.values()))
    for number, width in widths.items():
        if width != first:
            raise into.refuse(f"graph {number}: {key} has {width} columns, graph {filled[0]} has {first}")
    found = np.concatenate([shaped[number] for number in filled])
    graph = np.repeat(filled, [rows[number] for number in filled])
    categories = _hot(found, graph, key, into)
    if categories is None:
        _check(found, graph, key, into)
        categories = found.astype(np.int64)
    _check_gaps(categories, key, into)
    return categories


def sizes(categories: np.ndarray) -> list[int]:
    """How many categories each column of [N, k] has."""
    return [int(size) + 1 for size in categories.max(0)] if len(categories) else [1] * categories.shape[1]


def _shaped(part: Any, rows: int, where: str, into: Teller) -> np.ndarray:
    """[rows, k] numbers; no column where there are none."""
    if part is None:
        return np.zeros((rows, 0))
    found = given.array(part, where, into)
    if not rows and found.shape[:1] == (0,):
        return np.zeros((0, 0))
    found = given.numbers(found, where, into)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or len(found) != rows:
        raise into.refuse(f"{where} must be [{rows}, k], not {list(found.shape)}")
    return found if found.dtype != np.float16 else found.astype(np.float32)  # which LARGEST fits into


def _hot(found: np.ndarray, graph: np.ndarray, key: str, into: Teller) -> np.ndarray | None:
    """[N, 1], the place of the single 1 of each row; None where not every row is of this kind.

    Decided over all graphs at once: of a single one with few rows it is chance. Integers are categories as they are.
    """
    if found.dtype.kind != "f" or found.shape[1] == 1 or not ((found == 0) | (found == 1)).all():
        return None
    ones = found.sum(1)
    if not len(others := np.flatnonzero(ones != 1)):
        into.tell(f"{key}: rows with a single 1 became categories")
        return np.asarray(found.argmax(1)[:, None], np.int64)
    if (ones == 1).any():
        into.tell(
            f"{key}: every column is a feature of its own, 0 or 1: a row of graph {graph[others[0]]} has "
            f"{ones[others[0]]:g} ones, so that rows are no single categories"
        )
    return None


def _check(found: np.ndarray, graph: np.ndarray, key: str, into: Teller) -> None:
    """Raises UserError where a number is no category."""
    right = (found >= 0) & (found < LARGEST)
    if found.dtype.kind == "f":
        right &= found == np.floor(found)
    if not right.all():
        row, column = np.argwhere(~right)[0]
        value = found[row, column]
        where = f"graph {graph[row]}: {key}: {value:g} in column {column}"
        if not np.isfinite(value):
            raise into.refuse(f"{where} is not finite; features of graph tasks are whole numbers from 0 on")
        raise into.refuse(
            f"{where} is no category: features of graph tasks are categories, whole numbers from 0 on, below 2^31"
        )


def _check_gaps(categories: np.ndarray, key: str, into: Teller) -> None:
    """Raises UserError where a column counts far beyond the categories that occur."""
    for column, size in enumerate(sizes(categories)):
        if (occurring := given.scattered(categories[:, column], size)) is not None:
            raise into.refuse(
                f"{key}: column {column} has {occurring} categories, numbered up to {size - 1}: number them from 0 on "
                f"without large gaps (allowed: below {given.limit(occurring)})"
            )
