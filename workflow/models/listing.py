"""Ids of the networks, without importing them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "architectures"


def available() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
