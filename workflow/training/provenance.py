"""Which code and which packages made a row."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("torch", "numpy", "safetensors")


def commit() -> str:
    """Commit of the code, with `+` behind it where the working tree differs; "unknown" outside a git checkout."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        )
        return answer.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> str:
    """Python and the packages that compute."""
    python = ".".join(map(str, sys.version_info[:3]))
    return "; ".join([f"python {python}", *(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)])


def anonymous(value: Any) -> Any:
    """A value without the user's home folder in any of its strings, for anonymous review."""
    return value
