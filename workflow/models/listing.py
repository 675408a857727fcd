"""Ids of the networks, without importing them."""

from __future__ import annotations

from pathlib import Path

from methods.listing import everywhere
from workflow.errors import UserError

FOLDER = Path(__file__).resolve().parent / "architectures"
PACKAGE = "workflow.models.architectures"


def available() -> list[str]:
    """Sorted, as the files are named."""
    return list(files())


def files() -> dict[str, Path]:
    """Id -> file, of `architectures/` and of plug-ins, sorted. Raises UserError where two files have one name."""
    try:
        return everywhere(FOLDER, PACKAGE)
    except ValueError as error:
        raise UserError(str(error)) from error
