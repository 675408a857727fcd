"""Datasets of your own: what `abkd-bench import-data` has left below data/own/, one folder for each.

A folder holds a task as `workflow.task` states it, and `about.json` with what it is called. Its name is the id.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from workflow.catalog import Facts, columns
from workflow.errors import UserError
from workflow.files import checksum, digest, read_json
from workflow.task import Task

FOLDER = Path("data/own")
ABOUT = "about.json"


def facts_of(task: Task, title: str) -> Facts:
    """What the catalogue knows of an imported task."""
    mebibytes = sum(array.nbytes for array in task.arrays.values()) / 2**20
    return Facts(
        kind=task.kind,
        objective=task.objective,
        metric=task.metric,
        outputs=task.outputs,
        features=columns(task),
        title=title,
        info=dict(task.info),
        embedded=True,
        memory_mb=2000 + int(20 * mebibytes),
    )


def _found() -> dict[str, Facts]:
    """Every folder that is whole; of another one a line is printed, and its name is unknown."""
    known = {}
    for about in sorted(FOLDER.glob(f"*/{ABOUT}")):
        try:
            known[about.parent.name] = facts_of(Task.load(about.parent), str(read_json(about)["title"]))
        except (UserError, OSError, ValueError, KeyError, TypeError) as error:
            print(f"{about.parent}: left out: {str(error).splitlines()[0]}", file=sys.stderr)
    return known


NAMES = _found()


def state(name: str) -> str:
    """Digest of all that lies in a dataset's folder, so that another import, or a changed array, is prepared anew."""
    files = sorted(file for file in (FOLDER / name).rglob("*") if file.is_file())
    return digest([[file.relative_to(FOLDER).as_posix(), checksum(file)] for file in files])


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Raises UserError where the folder is not whole; `settings` are not used."""
    return Task.load(FOLDER / name)
