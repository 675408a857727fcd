"""Files of jobs: JSON that is either whole or absent, whatever interrupts its writer, and hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from reports.files import replacing

__all__ = [
    "checksum",
    "code_digest",
    "content",
    "digest",
    "from_here",
    "keep",
    "read_json",
    "replacing",
    "write_json",
    "write_text",
]

WHOLE, BLOCK = 2**28, 2**20
"""Bytes of a file that `checksum` reads at most, which takes a quarter of a second, and of a block of a larger file."""


def from_here(path: str | Path) -> str:
    """A file's path as seen from this folder, if it lies below it: a moved checkout must not look like another one."""
    here, file = Path.cwd(), Path(path).absolute()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(path)


def write_text(path: Path | str, text: str) -> None:
    """UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """A JSON value, whole or not at all. Raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """The value in a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def keep(file: Path, value: Any, frozen: Callable[[], bool]) -> Path:
    """A file with a value, written where that has changed or the file is gone.

    It also holds when: Snakemake takes a newer file for unchanged where its content is that of an earlier run.

    Args:
        frozen: whether a changed value must not be written now.
    """
    text = json.dumps(value)  # not sorted: tables keep the order of the methods
    try:
        known = json.dumps(read_json(file)["value"])
    except (OSError, ValueError, KeyError):
        known = ""
    if not known or (known != text and not frozen()):
        written = datetime.now(UTC).isoformat()
        write_text(file, json.dumps({"written": written, "value": value}, indent=1) + "\n")
    return file


def content(file: Path | str) -> str:
    """Digest of the value that `keep` has written, whose order counts.

    A text for a rule's `params`: where a clock was wrong, results are newer than whatever is written after them.
    """
    return hashlib.sha256(json.dumps(read_json(file)["value"]).encode()).hexdigest()[:16]


def digest(value: Any) -> str:
    """Short hash of a JSON value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def code_digest(places: Iterable[Path | str]) -> str:
    """Hash of files, and of all files below folders, compiled ones left out."""
    total = hashlib.sha256()
    for place in map(Path, places):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix != ".pyc":
                total.update(path.read_bytes())
    return total.hexdigest()[:16]


def checksum(path: Path) -> str:
    """Digest of a file's size and content, read once by a process while neither its size nor its time changes.

    Of a file above WHOLE bytes evenly spaced blocks count alone, WHOLE bytes in all, the first and the last among them:
    tens of gigabytes would take minutes of every job.

    Raises:
        OSError: it cannot be read.
    """
    state = path.stat()
    return _checksum(path.absolute(), state.st_size, state.st_mtime_ns)


@cache
def _checksum(path: Path, size: int, _: int) -> str:
    total = hashlib.sha256(str(size).encode())
    blocks = WHOLE // BLOCK
    with path.open("rb") as file:
        if size <= WHOLE:
            total.update(file.read())
        else:
            for number in range(blocks):
                file.seek(number * (size - BLOCK) // (blocks - 1))
                total.update(file.read(BLOCK))
    return total.hexdigest()[:16]
