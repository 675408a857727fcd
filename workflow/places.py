"""The folder of a run, results/NAME: its name, which configuration it belongs to, and how it tells paths. No torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from workflow.errors import UserError
from workflow.files import read_json

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""Of a run: it stands in the names of files and in shell commands."""


def name_of(where: str) -> str:
    """Of the run of a configuration's file. Raises UserError where it does not make a path."""
    name = Path(where).stem
    if not re.fullmatch(NAME, name):
        letters = "letters, digits and . _ - alone, at most 100"
        raise UserError(f"{where}: the name of a configuration's file holds {letters}")
    return name


def shortened(value: Any) -> Any:
    """`…/ogb`: of an absolute path its last name, as results tell it, which others read; anything else as it is."""
    return f"…/{Path(value).name}" if isinstance(value, str) and Path(value).is_absolute() else value


def refuse_other(folder: Path, where: str) -> None:
    """Raises UserError where a run's folder holds the results of another configuration of the same name.

    A file that is gone was renamed, or the checkout moved; by whatever path, the same file is the same.
    """
    try:
        named = str(read_json(folder / "provenance.json")["config_file"])
        other, own = Path(named).expanduser(), Path(where)
        if not other.is_file() or not own.is_file() or other.samefile(own):
            return
    except (OSError, ValueError, LookupError, TypeError, RuntimeError):  # no results, or none that say so
        return
    raise UserError(f"{where}: {folder} holds the results of {named}; give one of the two files another name")
