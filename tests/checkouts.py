"""Copies of the code in empty folders, and Snakemake in them."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CODE = ["Snakefile", "abkd", "baselines", "config", "methods", "profiles", "reports", "workflow"]


PREPARED = "ace-sim-mini"


def copy_code(folder: Path, prepared: Path | None = None) -> Path:
    """The code alone: no results, no prepared data.

    Args:
        prepared: what `prepared` gives, for runs that are not about preparation: it takes longer than their trainings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(source, folder / name)
    if prepared:
        shutil.copytree(prepared, folder / "data" / "tasks" / PREPARED)
    return folder


def prepared(place: Path) -> Path:
    """The folder of PREPARED below `place`, made by whoever of several processes asks first."""
    folder = place / PREPARED
    with (place / f"{PREPARED}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "task.json").exists():
            answer = call(ROOT, "workflow.steps.prepare", PREPARED, str(folder))
            assert answer.returncode == 0, answer.stderr
    return folder


def start(folder: Path, *command: str, **options: Any) -> subprocess.Popen[str]:
    """A Python module in a copy of the code."""
    found = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONPATH": found}
    environment |= options.pop("env", {})
    # Where a machine forbids compiled files, each of a run's processes would compile all of the code anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=environment, **(pipes | options))


def call(folder: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same to its end."""
    process = start(folder, *command, **options)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def snakemake(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Snakemake on two cores."""
    return call(folder, "snakemake", "--cores", "2", "--nocolor", *arguments, **options)


def jobs(answer: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Jobs by rule, as a dry run lists them."""
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return {rule: int(n) for rule, n in re.findall(r"^(\w+)\s+(\d+)$", answer.stdout + answer.stderr, flags=re.M)}
