"""Looking for raw files below a folder that a configuration names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from workflow.errors import UserError

DEFAULT_ROOT = "data/raw"
"""What is downloaded lies here."""


def root(given: str | None) -> Path:
    """The folder that a configuration names, or where what is downloaded lies; `~` is the user's home."""
    return Path(os.path.expanduser(given or DEFAULT_ROOT))  # noqa: PTH111 (pathlib's raises for an unknown user)


def children(folder: Path) -> list[Path]:
    """The folders in a folder; none where it is absent. Raises UserError where it cannot be read."""
    try:
        return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}") from error


def most_complete(places: Sequence[Path], wanted: Sequence[str]) -> tuple[Path, list[str]]:
    """The place that holds most of the wanted files, the first of equals, and what is missing there.

    Raises:
        UserError: a place cannot be looked into.
    """
    try:
        missing = {place: [file for file in wanted if not (place / file).is_file()] for place in places}
    except OSError as error:
        raise UserError(f"{str(places[0])[:200]}: {error.strerror}") from error
    best = min(missing, key=lambda place: len(missing[place]))
    return best, missing[best]
