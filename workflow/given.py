"""What a user hands over -> arrays; rows of several lengths, and text for numbers, are refused. Used by imports."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from workflow.errors import UserError

MOST, SPREAD = 10_000, 100
"""Numbers that may be counted up to in any case, and for each one that occurs."""


class Teller(Protocol):
    """What an import says of its data."""

    def refuse(self, why: str) -> UserError: ...
    def tell(self, line: str) -> None: ...


def array(value: Any, where: str, into: Teller) -> np.ndarray:
    """Any array, of any type and shape. Raises UserError for what is none, such as rows of different lengths."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise into.refuse(f"{where}: makes no array: {' '.join(str(error).split())}") from error


def numbers(value: Any, where: str, into: Teller) -> np.ndarray:
    """An array of numbers or booleans, of any shape. Raises UserError for anything else."""
    found = array(value, where, into)
    if found.dtype.kind not in "fiub":
        raise into.refuse(f"{where} must be numbers, not {kind(found)}")
    return found


def kind(found: np.ndarray) -> str:
    """What an array holds, in words."""
    kinds = found.dtype.kind
    text = kinds in "SUT" or (kinds == "O" and any(isinstance(entry, str) for entry in found.flat))
    return "text" if text else str(found.dtype)


def scattered(numbers: np.ndarray, size: int) -> int | None:
    """How many numbers below `size` occur, where they are so few that they are ids of something larger; else None.

    Every number below it gets a row of weights, or of a graph: an id of 10^9 would ask for billions.
    """
    if size <= MOST:
        return None
    occurring = len(np.unique(numbers))
    return occurring if size > limit(occurring) else None


def limit(occurring: int) -> int:
    """How far so many different numbers may count."""
    return max(MOST, SPREAD * occurring)
