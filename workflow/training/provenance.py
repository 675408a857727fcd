"""Which code and which packages made a row."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from methods import plugins

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("torch", "numpy", "safetensors")
CODE = ("workflow", "methods", "abkd", "baselines", "reports", "Snakefile")
"""What lies below these makes numbers, even where git does not know it yet: a new method is one new file."""


def commit(files: Sequence[Path] = ()) -> str:
    """Commit of the code; "unknown" outside a git checkout. Behind it stands PLUGIN@COMMIT for every plug-in used.

    `+` stands behind a commit where a tracked file differs, or a file of the code is not tracked (in the repository:
    neither tracked nor ignored).

    Args:
        files: of plug-ins, that a training rests on; others among them do not matter.
    """
    parts = [_commit(ROOT, "--exclude-standard", "--directory", "--", *CODE)]
    for plugin in plugins.active():
        if used := sorted(str(file) for file in files if file.is_relative_to(plugin)):
            parts.append(f"{plugin.name}@{_commit(plugin, '--', *used)}")
    return " ".join(parts)


def _commit(folder: Path, *others: str) -> str:
    try:
        described = _git(folder, "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*")
        untracked = _git(folder, "ls-files", "--others", *others)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{described}+" if untracked and not described.endswith("+") else described


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=folder, check=True).stdout.strip()


def versions() -> str:
    """Python and the packages that compute."""
    python = ".".join(map(str, sys.version_info[:3]))
    return "; ".join([f"python {python}", *(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)])
