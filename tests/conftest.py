"""Shared by all tests: one thread, as in the jobs; a small task that trains in milliseconds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import checkouts
from workflow import catalog
from workflow.catalog import Facts
from workflow.datasets.parts.csr import symmetric_csr
from workflow.task import Task

torch.set_num_threads(1)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Of `-n auto`: one more than there are cores, as many tests wait for the runs that they start."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """The one warning that methods/sparse.py silences; pytest undoes that."""
    config.addinivalue_line("filterwarnings", "ignore:Sparse CSR tensor support is in beta:UserWarning")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ace-sim-mini as it is prepared, one for all workers: for `copy_code`, to be copied."""
    base = tmp_path_factory.getbasetemp()
    return checkouts.prepared(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


TINY = Facts("node", "multiclass", "accuracy", 3, 5, "Tiny", {"symmetric": True}, embedded=True)


def make_tiny_task(nodes: int = 60, seed: int = 0) -> Task:
    """Three classes that features and edges both tell, not perfectly."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, nodes)
    features = (random.normal(size=(nodes, 5)) + np.eye(3, 5)[labels]).astype(np.float32)
    source, target = random.integers(0, nodes, (2, 4 * nodes))
    kept = (source != target) & ((labels[source] == labels[target]) | (random.random(4 * nodes) < 0.3))
    pointers, sources = symmetric_csr(source[kept], target[kept], nodes)
    order = random.permutation(nodes)
    parts = np.split(order, [nodes // 2, 3 * nodes // 4])
    return Task(
        name="tiny",
        kind="node",
        objective="multiclass",
        metric="accuracy",
        outputs=3,
        arrays={
            "features": features,
            "labels": labels,
            "pointers": pointers,
            "sources": sources,
            **{f"split/{p}": np.sort(ids) for p, ids in zip(("train", "valid", "test"), parts, strict=True)},
        },
        info={"symmetric": True},
    ).finish()


@pytest.fixture
def tiny_task(monkeypatch: pytest.MonkeyPatch) -> Task:
    """The task `tiny`, which the catalogue knows during the test."""
    known = catalog._owners()
    monkeypatch.setattr(catalog, "_owners", lambda: {**known, "tiny": ("tiny", TINY)})
    state = catalog.state
    monkeypatch.setattr(catalog, "state", lambda name: "" if name.startswith("tiny") else state(name))
    return make_tiny_task()
