"""The parts that can be measured: every module in a folder of this package that has `run(settings) -> list[Table]`."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from methods.listing import modules

HERE = Path(__file__).resolve().parent


@cache
def found() -> dict[str, ModuleType]:
    """Name -> module of every part, sorted by name."""
    folders = [file.parent.name for file in HERE.glob("*/__init__.py")]
    files = {name: f"{__package__}.{folder}.{name}" for folder in folders for name in modules(HERE / folder)}
    imported = {name: importlib.import_module(path) for name, path in sorted(files.items())}
    return {name: module for name, module in imported.items() if hasattr(module, "run")}


def usual() -> list[str]:
    """The parts that run when none is named: all but those that say `LONG = True`."""
    return [name for name, module in found().items() if not getattr(module, "LONG", False)]
