"""Folders outside of the repository whose methods, networks and datasets stand beside its own.

Such a folder holds `methods/`, `networks/` or `datasets/`. Their files are imported as if they lay in the repository's
folders (`FOLDER/methods/mine.py` is `baselines.mine`), so that a file may move between the two as it is. The folders in
use stand in the environment, where every process of a run finds them. Imports no torch.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar

Listed = TypeVar("Listed")
ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "ABKD_PLUGINS"
"""With the absolute folders, as a JSON list; absent where there are none."""
GROUP = "abkd_bench.plugins"
"""Of the entry points by which an installed package offers itself: NAME = "PACKAGE"."""
KINDS = {"methods": "baselines", "networks": "workflow.models.architectures", "datasets": "workflow.datasets"}
"""Folder below a plug-in -> package that its files belong to."""


def active() -> tuple[Path, ...]:
    """The folders in use."""
    return _read(os.environ.get(VARIABLE, "[]"))


@cache
def _read(text: str) -> tuple[Path, ...]:
    return tuple(map(Path, json.loads(text)))


_KEPT: list[Callable[[], None]] = []


def kept(list_files: Callable[[tuple[Path, ...]], Listed]) -> Callable[[tuple[Path, ...]], Listed]:
    """Keeps what a function of the folders in use finds in them, until folders are taken into use anew."""
    made = cache(list_files)
    _KEPT.append(made.cache_clear)
    return made


def use(stated: Iterable[str], base: Path) -> None:
    """Takes these folders into use, in this process and in all that it starts, in place of any others.

    Args:
        stated: folders, as seen from `base`, or names of entry points of installed packages.

    Raises:
        ValueError: one line; there is no such folder or package, it holds nothing to be used, or it is named twice.
    """
    found: list[Path] = []
    for number, name in enumerate(stated):
        try:
            folder = _folder(name, base)
            if folder in found:
                raise ValueError(f"{folder} is named twice")
        except ValueError as error:
            raise ValueError(f"plugins[{number}]: {error}") from error
        found.append(folder)
    if found or active():
        for forget in _KEPT:
            forget()
    if found:
        os.environ[VARIABLE] = json.dumps([str(folder) for folder in found])
    else:
        os.environ.pop(VARIABLE, None)


def _folder(name: str, base: Path) -> Path:
    place = (base / Path(name).expanduser()).resolve()
    if not place.is_dir():
        offered = {entry.name: entry.value for entry in entry_points(group=GROUP)}
        if name not in offered:
            there = f"; there are: {', '.join(sorted(offered))}" if offered else ""
            raise ValueError(f"{place}: there is no such folder, nor a package with this entry point in {GROUP}{there}")
        place = _package(offered[name])
    if place == ROOT or not any((place / kind).is_dir() for kind in KINDS):
        raise ValueError(f"{place}: must be a folder with {', '.join(f'{kind}/' for kind in KINDS)}, or some of them")
    return place


def _package(name: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"the entry point names '{name}', which is no package of the first level")
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def places() -> Iterator[tuple[str, Path]]:
    """Package -> folder of every plug-in that belongs to it, in the order in which they are stated."""
    for plugin in active():
        for kind, package in KINDS.items():
            if (plugin / kind).is_dir():
                yield package, plugin / kind


def folders(package: str) -> list[Path]:
    """The folders whose files belong to a package beside its own."""
    return [folder for name, folder in places() if name == package]


def package_of(path: Path) -> str | None:
    """The package that a file, or a folder below one of the plug-ins', belongs to; None for what lies elsewhere."""
    for package, folder in places():
        if path.is_relative_to(folder):
            return ".".join([package, *path.relative_to(folder).parent.parts])
    return None
