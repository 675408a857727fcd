"""One new file in `architectures/` is a network: the tests of every network take it in, and nothing else is edited."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("abkd", "baselines", "methods", "workflow", "tests/workflow")
FILES = ("tests/__init__.py", "tests/conftest.py", "pyproject.toml")
NETWORK = '''"""Perceptron whose layers are added to their input."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.contract import Shape, Signals
from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout, Model
from workflow.models.parts.containers import Layers


class SkipMLP(Model):
    """X' = X + relu(X W + b) between a linear map of the features and one to the logits."""

    def __init__(self, facts: Facts, *, layers: int = 3, width: int = 32, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = dropout
        self.shape = Shape((width,) * layers, facts.outputs)
        self.input = torch.nn.Linear(facts.features, width)
        self.between = Layers(torch.nn.Linear(width, width) for _ in range(layers - 1))
        self.output = torch.nn.Linear(width, facts.outputs)

    def forward(self, graph: Graph, dropout: Dropout) -> Signals:
        x: Tensor = self.input(graph.wanted(graph.x)).relu()
        hidden = [x]
        for linear in self.between:
            x = x + linear(dropout(x, self.dropout)).relu()
            hidden.append(x)
        return Signals(self.output(dropout(x, self.dropout)), tuple(hidden))
'''


def test_a_network_is_one_file(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "workflow/models/architectures/skip_mlp.py").write_text(NETWORK)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "skip_mlp",
        "tests/workflow/models",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 10, done.stdout[-1000:]
