"""Ids of the networks, without importing them."""

from __future__ import annotations

from pathlib import Path

from methods.listing import modules

FOLDER = Path(__file__).resolve().parent / "architectures"


def available() -> list[str]:
    """Sorted, as files of `architectures/` are named."""
    return sorted(modules(FOLDER))
