"""What any configuration is made of, whatever its keys mean: plain values, few enough to be looked at one by one.

YAML can express more: dates, sets, bytes, keys of every type, values that hold themselves, and a page of text that
stands for billions of values. None of it has a place in a configuration, nor in the JSON that jobs are given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from methods.spelling import article
from workflow.errors import UserError

DEEPEST = 20
MOST_VALUES = 100_000
LONGEST_KEY = 100
LARGEST = 2**63
SHOWN = 100

Path = tuple[int | str, ...]


def key_of(path: Sequence[int | str]) -> str:
    """`experiments[0].dataset` of its parts."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """A value as messages show it, on one line and cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python prints no number of more than 4,300 digits
        text = f"{article(type(value).__name__)} that is too long to show"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def check(value: object, where: str) -> None:
    """Raises UserError: one line that names the first value that is not plain, and what is allowed."""
    for number, (path, part) in enumerate(_parts(value, ())):
        key = f"{where}: {key_of(path)}: " if path else f"{where}: "
        if number >= MOST_VALUES:
            raise UserError(f"{where}: has more than {MOST_VALUES} values")
        if len(path) > DEEPEST:
            raise UserError(f"{where}: {key_of(path[:3])}: is nested more than {DEEPEST} levels deep")
        if isinstance(part, dict):
            for name in part:
                if not isinstance(name, str):
                    raise UserError(f"{key}a key must be text, not {shown(name)}; YAML reads some words as others")
                if not name.isprintable() or not 0 < len(name) <= LONGEST_KEY:
                    raise UserError(
                        f"{key}a key must be printable text of 1 to {LONGEST_KEY} letters, not {shown(name)}"
                    )
        elif fault := _fault(part):
            raise UserError(f"{key}must be {fault}")


def _parts(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """A value and all that it holds; what is too deep is not looked into."""
    yield path, value
    if len(path) > DEEPEST:
        return
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _parts(part, (*path, str(key)))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _parts(part, (*path, number))


def _fault(value: Any) -> str:
    """What should stand in the place of a value; nothing where it may stay."""
    if value is None or isinstance(value, bool | list):
        return ""
    if isinstance(value, int):
        return "" if -LARGEST <= value < LARGEST else "a number of at most 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"a finite number, not {value}"
    if not isinstance(value, str):
        return f"a number, text, list or mapping, not {shown(value)} ({type(value).__name__})"
    readable = all(letter.isprintable() or letter in "\n\t" for letter in value)
    return "" if readable else f"text without control characters, not {shown(value)}"
