"""A method, a dataset, a network and a figure are one new file each: from four files to the page, no other edit.

Two of them lie outside of the repository.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.checkouts import ROOT, snakemake
from tests.test_end_to_end import checkout  # noqa: F401 (a fixture)
from tests.workflow.test_catalog import FAMILY

pytestmark = pytest.mark.slow

METHOD = re.findall(r"```python\n(.*?)```", (ROOT / "docs/add-a-method.md").read_text(), flags=re.S)[0]
NETWORK = '''"""Multi-layer perceptron with a skip connection from the features to the logits."""

from __future__ import annotations

from torch import nn

from methods.contract import Signals
from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.layerwise import Layerwise


class SkipMLP(Layerwise):
    """logits = MLP(X) + X W."""

    def __init__(self, facts: Facts, *, layers: int = 2, width: int = 8, dropout: float = 0.1) -> None:
        super().__init__(facts.features, facts.outputs, layers=layers, width=width, dropout=dropout, norm="batch")
        self.convolutions = nn.ModuleList(nn.Linear(a, b) for a, b in zip(self.widths, self.widths[1:], strict=False))
        self.skip = ConstantLinear(facts.features, facts.outputs)

    def convolve(self, layer, x, graph, dropout):
        return graph.wanted(self.convolutions[layer](x))

    def forward(self, graph: Graph, dropout: Dropout) -> Signals:
        """Signals of the wanted nodes."""
        found = super().forward(graph, dropout)
        return Signals(found.logits + graph.wanted(self.skip.constant(graph.x)), found.hidden)
'''
FIGURE = '''"""How many rows there are."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from reports.figures.parts.style import Drawing, canvas, finish
from reports.findings import Findings

KIND = "rows"
TITLE = "Rows of this run"


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One bar."""
    with canvas(KIND):
        figure = Figure(figsize=(2, 2))
        figure.add_subplot().bar(["rows"], [len(findings.results.runs)])
        return [finish(figure, folder, KIND, TITLE, "Number of rows.", "A bar.")]
'''
CONFIG = {
    "title": "One file each",
    "plugins": ["../lab"],
    "seeds": 2,
    "training": {"epochs": 4},
    "models": {"gcn-3x32": {"model": "gcn", "layers": 3, "width": 32}, "skip": {"model": "skip_mlp"}},
    "methods": {"supervised": None, "kd": None, "smooth-hints": {"beta": 2.0}},
    "experiments": [
        {"dataset": "ring-40", "teachers": ["gcn-3x32"], "students": [{"model": "skip", "widths": [4]}]},
    ],
}


@pytest.fixture
def extended(checkout: Path):  # noqa: F811
    """The checkout with the four files, which are gone afterwards."""
    files = {
        "lab/methods/smooth_hints.py": METHOD,
        "lab/datasets/ring.py": FAMILY,
        "workflow/models/architectures/skip_mlp.py": NETWORK,
        "reports/figures/rows.py": FIGURE,
        "config/ring.yaml": yaml.safe_dump(CONFIG, sort_keys=False),
    }
    for name, text in files.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    yield checkout
    for name in files:
        (checkout / name).unlink()


def test_from_four_files_to_the_page(extended):
    answer = snakemake(extended, "--configfile", "config/ring.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    results = extended / "results" / "ring"
    runs = pd.read_parquet(results / "runs.parquet")
    assert (runs["status"] == "ok").all(), runs[["method", "status", "reason"]]
    assert runs["commit"].str.contains(" lab@").all()  # of the dataset
    assert list(json.loads((results / "provenance.json").read_text())["plugins"]) == ["lab"]
    assert set(runs["method"]) == {"teacher", *CONFIG["methods"]}
    assert set(runs["student"]) == {"gcn-3x32", "skipx4"}
    page = (results / "index.html").read_text()
    for words in ("Smooth hints", "me2026smooth", "Ring", "skipx4", "Rows of this run", "Number of rows."):
        assert words in page
    assert (results / "figures" / "rows.svg").exists()
