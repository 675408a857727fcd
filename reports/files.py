"""Writing: whole or not at all, and without the names of people and machines.

Whoever reads a file while it is rebuilt sees the old one or the new one, never half of one.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from getpass import getuser
from pathlib import Path
from typing import Any

import pandas as pd


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which takes its place when the block ends without an error.

    It has the same suffix, by which matplotlib chooses a format.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """UTF-8 with Unix line ends on every platform, so that two builds can be compared byte by byte."""
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With which a spreadsheet takes a cell for a formula."""


def write_csv(target: Path, frame: pd.DataFrame) -> None:
    """A table for a spreadsheet: signs in ASCII, no cell that is read as a formula, and a mark that says UTF-8."""
    safe = frame.rename(columns=_for_spreadsheets)
    words = safe.select_dtypes(include=["object", "string"])
    safe[words.columns] = words.map(_for_spreadsheets)
    write_text(target, "\ufeff" + safe.to_csv(index=False, lineterminator="\n"))


def _for_spreadsheets(value: Any) -> Any:
    """A signed number stays one; any other text that begins like a formula gets an apostrophe before it."""
    if not isinstance(value, str):
        return value
    text = value.replace("\u2212", "-")
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def anonymous(value: Any) -> Any:
    """The value with `~` for every home folder in it, and without the names of this user and this machine.

    For what goes to reviewers. Strings in lists, tuples and dictionaries (keys too) are changed; all else stays.
    """
    if isinstance(value, str):
        for pattern, instead in _names():
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, dict):
        return {anonymous(key): anonymous(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(anonymous(each) for each in value)
    return value


@cache
def _names() -> list[tuple[re.Pattern[str], str]]:
    """What to look for, and what to write instead."""
    found = [(re.compile(rf"(?<![\w.-]){re.escape(home)}(?![\w-])"), "~") for home in _homes()]
    # Homes of others, too: another account than that which builds the page may have made the results.
    found.append((re.compile(r"(?:(?:/[\w.-]+)*/(?:home|Users)/|[A-Za-z]:\\Users\\)[^/\\\s:'\",]+"), "~"))
    if user := _user():  # as part of a path or an address alone: it may be an ordinary word
        found.append((re.compile(rf"(?<=[/\\~]){re.escape(user)}(?![\w-])|\b{re.escape(user)}(?=@)"), "USER"))
    host = platform.node().partition(".")[0]
    if host not in ("", "localhost"):  # with the domain behind it
        found.append((re.compile(rf"(?<![\w.-]){re.escape(host)}(?:\.[A-Za-z][\w-]*)*(?![\w-])"), "HOST"))
    return found


def _homes() -> list[str]:
    """This user's home folder as named and as it really lies, the longer first."""
    try:
        home = Path.home()
    except RuntimeError:  # an account without one, as in some containers
        return []
    return sorted({str(home), str(home.resolve())} - {"/"}, key=len, reverse=True)


def _user() -> str:
    """The user's name; nothing where the account has none."""
    try:
        return getuser()
    except (OSError, KeyError):
        return ""
