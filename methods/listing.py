"""What can be named in a configuration is found by listing a folder: one file each, whose name is the id."""

from __future__ import annotations

from pathlib import Path


def modules(folder: Path) -> dict[str, Path]:
    """Name -> file of every module in a folder, sorted; nothing is imported, and sub-folders hold shared parts.

    A file whose name no import could state (`._kd.py`, which some systems leave beside `kd.py`) is none.
    """
    found = sorted(folder.glob("*.py"))
    return {path.stem: path for path in found if path.stem.isidentifier() and path.stem != "__init__"}
