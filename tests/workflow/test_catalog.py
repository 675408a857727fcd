"""The catalogue: light, and a new family of datasets is one new file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkouts import copy_code
from workflow.task import Task

FAMILY = '''"""`ring-N`: a ring of N nodes, labelled by its halves."""

from typing import Any

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts.csr import symmetric_csr
from workflow.task import Task

SIZE = 40
NAMES = {f"ring-{SIZE}": Facts(Kind.NODE, Objective.MULTICLASS, "accuracy", 2, 2, "Ring", {"symmetric": True})}


def build(name: str, settings: dict[str, Any]) -> Task:
    nodes = np.arange(SIZE)
    pointers, sources = symmetric_csr(nodes, (nodes + 1) % SIZE, SIZE)
    labels = nodes // (SIZE // 2)
    split = {f"split/{part}": nodes[first::3] for first, part in enumerate(("train", "valid", "test"))}
    features = np.eye(2, dtype=np.float32)[labels]
    arrays = {"features": features, "labels": labels, "pointers": pointers, "sources": sources, **split}
    return Task(name, Kind.NODE, Objective.MULTICLASS, "accuracy", 2, arrays, {"symmetric": True})
'''


def test_the_catalogue_needs_no_heavy_import() -> None:
    heavy = ("torch", "rdkit", "ogb", "scipy", "pandas", "sklearn", "MoleculeACE")
    code = f"import sys, workflow.catalog as c; c.available(); print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with one more file in `workflow/datasets/`."""
    folder = copy_code(tmp_path_factory.mktemp("extended"))
    (folder / "workflow" / "datasets" / "ring.py").write_text(FAMILY)
    return folder


def python(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def test_the_catalogue_finds_a_new_family(extended: Path) -> None:
    code = "from workflow import catalog; print(catalog.loader('ring-40'), 'ring-40' in catalog.available())"
    assert python(extended, "-c", code).strip() == "ring True"


def test_a_new_family_is_prepared(extended: Path) -> None:
    python(extended, "-m", "workflow.steps.prepare", "ring-40", "task")
    task = Task.load(extended / "task")
    assert task.name == "ring-40" and len(task.labels) == 40 and task.num_edges == 80
