"""Looking for raw files below a folder that a configuration names, and fetching them where it names none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workflow.errors import UserError

DEFAULT_ROOT = "data/raw"
"""What is downloaded lies here."""
DOWNLOAD_ATTEMPTS = 3


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


def located(
    name: str,
    elsewhere: str,
    wanted: Sequence[str],
    given: str | None,
    key: str,
    fetch: Callable[[str, Path], None],
    read: Callable[[Path], Any],
) -> Path:
    """The folder that holds the files: `NAME/raw`, `ELSEWHERE/raw` or the root itself; fetches them into the first.

    Args:
        name: id of the dataset.
        elsewhere: how PyTorch Geometric calls its folder, in letters of any case.
        wanted: names of the files.
        given: the root that a configuration names, which is never written to.
        key: of the configuration's `data` section that names it.
        fetch: downloads a file into a folder.
        read: reads the files in a folder; raises UserError where one is broken.

    Raises:
        UserError: a file is missing where the configuration names a root, or could not be fetched.
    """
    top = root(given)
    raw = top / name / "raw"
    others = sorted(own / "raw" for own in children(top) if own.name.lower() == elsewhere.lower())
    found, missing = most_complete([raw, *others, top], wanted)
    if not missing:
        return found
    if given:
        places = f"{raw}, {top / elsewhere / 'raw'} or {top}"
        raise UserError(f"{found / missing[0]} is missing; `{key}` must hold {name} in {places}")
    if reason := _download(raw, wanted, fetch, read):
        raise UserError(f"could not download {name} ({reason}); put its files into {raw}, or set `{key}`")
    return raw


def _download(raw: Path, wanted: Sequence[str], fetch: Callable[[str, Path], None], read: Callable[[Path], Any]) -> str:
    """Fetches files; the folder appears once all of them can be read. Returns why it did not, "" where it did."""
    raw.parent.mkdir(parents=True, exist_ok=True)
    reason = ""
    for _ in range(DOWNLOAD_ATTEMPTS):
        with tempfile.TemporaryDirectory(dir=raw.parent, prefix=".raw.") as temporary:
            try:
                for file in wanted:
                    fetch(file, Path(temporary))
                read(Path(temporary))
            except (OSError, RuntimeError, ValueError, UserError) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                continue
            raw.mkdir(exist_ok=True)
            for file in wanted:
                (Path(temporary) / file).replace(raw / file)
            return ""
    return reason


def fetch(url: str, folder: Path) -> None:
    """Downloads one file with PyTorch Geometric's own function."""
    from torch_geometric.io import fs

    fs.cp(url, str(folder))
