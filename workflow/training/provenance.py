"""Which code and which packages made a row."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("torch", "numpy", "safetensors")
CODE = ("workflow", "methods", "abkd", "baselines", "reports", "Snakefile")
"""What lies below these makes numbers, even where git does not know it yet: a new method is one new file."""


def commit() -> str:
    """Commit of the code; "unknown" outside a git checkout.

    `+` stands behind it where a tracked file differs, or a file of the code is neither tracked nor ignored.
    """
    try:
        described = _git("describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*")
        untracked = _git("ls-files", "--others", "--exclude-standard", "--directory", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{described}+" if untracked and not described.endswith("+") else described


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()


def versions() -> str:
    """Python and the packages that compute."""
    python = ".".join(map(str, sys.version_info[:3]))
    return "; ".join([f"python {python}", *(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)])
