"""The prepared task of a dataset on disk, and which code has prepared it."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from workflow import catalog, sources
from workflow.files import digest, read_json, write_json
from workflow.places import shortened
from workflow.task import Task

CODE = "prepared.json"
"""Beside the task: the digest of the code that has prepared it, and the settings that its loader has read, such as the
folder of its raw files. Absent until the task is whole."""
Settings = Mapping[str, Any]


def code_of(dataset: str) -> str:
    """Digest of what prepares a dataset: the code of its loader, and what the loader itself has been given."""
    state = catalog.state(dataset)
    code = sources.digest("data", catalog.loader(dataset))
    return digest([code, state]) if state else code


def save(task: Task, folder: Path, code: str, settings: Settings = MappingProxyType({})) -> None:
    """Writes a task; two runs may prepare one dataset at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        task.save(folder)
        write_json(folder / CODE, {"code": code, "settings": dict(settings)})


def is_by(folder: Path, code: str, settings: Settings | None = None) -> bool:
    """Whether the task in a folder was prepared by this code, and from what these settings name; None for whatever."""
    known = _read(folder / CODE)
    return known.get("code") == code and (settings is None or _alike(known.get("settings", {}), settings))


def _alike(known: Settings, wanted: Settings) -> bool:
    """A published configuration names the last part of a path alone (`workflow.config.without_places`)."""
    return known.keys() == wanted.keys() and all(
        value in (known[key], shortened(known[key])) for key, value in wanted.items()
    )


def told(folder: Path, code: str, settings: Settings | None = None) -> dict[str, Any]:
    """What a task's file says beside its arrays; {} where there is none, none that `is_by`, or none that is whole."""
    return _read(folder / "task.json") if is_by(folder, code, settings) else {}


def _read(file: Path) -> dict[str, Any]:
    """The content of a file; {} where there is none, or no whole one: what it belongs to is prepared anew."""
    try:
        found = read_json(file)
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def forget(folder: Path) -> None:
    """Lets the next run prepare a task anew."""
    (folder / "task.json").unlink(missing_ok=True)
    (folder / CODE).unlink(missing_ok=True)
