"""What the pipeline asks of a dataset: all that preparation checks, and that it is the same at every preparation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from methods.listing import ANY_ERROR, told
from methods.rehearsal import global_randomness
from methods.spelling import strays_of_file
from methods.vocabulary import Objective
from workflow import catalog
from workflow.errors import UserError
from workflow.files import read_json
from workflow.task import Task

CONTRACT = ("NAMES", "SETTINGS", "build", "state")
"""What is asked of a dataset's file."""


def faults(name: str) -> list[str]:
    """What is wrong of a dataset, one line each. It is prepared twice, the second time by a process of its own.

    Raises:
        UserError: there is no such dataset.
    """
    path = catalog.files()[catalog.loader(name)]
    before = global_randomness()
    try:
        task = catalog.build(name, {})
    except UserError as error:
        text = str(error)
        return [text if text.startswith((f"{name}:", "/")) else f"{name}: {text}"]
    except ANY_ERROR as error:
        return [told(error, path)]
    found = list(strays_of_file(path, CONTRACT))
    if global_randomness() != before:
        found.append("build moves a global random state; draw from np.random.default_rng(SEED)")
    if task.name != name:
        found.append(f"build returns a task of the name '{task.name}'")
    if task.objective == Objective.MULTICLASS:
        absent = sorted(set(range(task.outputs)) - set(np.unique(task.labels).tolist()))
        found += [f"labels: no item has class {one}, but outputs is {task.outputs}" for one in absent[:1]]
    found += _second(name, task)
    return [f"{name}: {text}" for text in found]


def _second(name: str, task: Task) -> Iterator[str]:
    """Prepares it again where sets and hashes of texts come in another order."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "task"
        command = [sys.executable, "-m", "workflow.steps.prepare", name, str(folder)]
        seed = str(int(os.environ.get("PYTHONHASHSEED", "0").replace("random", "0") or 0) + 1)
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"a second preparation fails: {done.stderr.strip().splitlines()[-1].removeprefix('error: ')}"
        elif read_json(folder / "task.json")["fingerprint"] != task.fingerprint:
            yield "a second preparation gives other data: draw from np.random.default_rng(SEED), sort what was a set"
