"""Ids of the networks, without importing them."""

from __future__ import annotations

from pathlib import Path

from methods.listing import everywhere

FOLDER = Path(__file__).resolve().parent / "architectures"
PACKAGE = "workflow.models.architectures"


def available() -> list[str]:
    """Sorted, as the files are named."""
    return list(files())


def files() -> dict[str, Path]:
    """Id -> file, of `architectures/` and of plug-ins, sorted; those in `clashes` cannot be used."""
    return everywhere(FOLDER, PACKAGE).files


def clashes() -> dict[str, str]:
    """Id -> one line that names both files, where two have it."""
    return everywhere(FOLDER, PACKAGE).clashes
