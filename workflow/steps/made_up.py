"""A node task of a wanted size, and what a teacher might know of it: noise, of which alone costs are measured."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from methods.contract import Batch, Shape, Signals
from workflow.catalog import Facts
from workflow.datasets.parts.csr import symmetric_csr
from workflow.specs import TrainingSettings
from workflow.stated import GraphSize
from workflow.task import SPLITS, Task

SKEW = 0.35
"""Exponent of the power law by which one end of an edge is drawn: some nodes are hubs, as in citations."""


def nodes(size: GraphSize, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Features, labels and split."""
    ends = np.cumsum([size.train, size.valid, size.test])
    parts = np.split(random.permutation(size.nodes), ends)[:3]
    labels: np.ndarray
    features = random.standard_normal((size.nodes, size.features), np.float32)
    if size.targets:
        labels = random.integers(0, 2, (size.nodes, size.classes)).astype(np.float32)
    else:
        labels = random.integers(0, size.classes, size.nodes)
    return {
        "features": features,
        "labels": labels,
        **{f"split/{part}": np.sort(ids) for part, ids in zip(SPLITS, parts, strict=True)},
    }


def edges(size: GraphSize, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The two ends [E] of undirected edges."""
    hubs = (size.nodes * random.power(SKEW, size.edges)).astype(np.int32)
    return np.minimum(hubs, size.nodes - 1), random.integers(0, size.nodes, size.edges, dtype=np.int32)


def prepared(size: GraphSize, facts: Facts, arrays: dict[str, np.ndarray], ends: tuple[np.ndarray, np.ndarray]) -> Task:
    """The task, sorted, checked and once written, as preparation does."""
    pointers, sources = symmetric_csr(*ends, size.nodes)
    arrays = {**arrays, "pointers": pointers, "sources": sources}
    kind = facts.kind, facts.objective, facts.metric
    task = Task("made-up", *kind, facts.outputs, arrays, {"symmetric": True}).finish()
    with tempfile.TemporaryDirectory() as folder:
        task.save(Path(folder) / "task")
    return task


def signals(rows: int, shape: Shape, kind: torch.dtype) -> Signals:
    """Logits [rows, C] in float32, and hidden states of a type."""
    return Signals(torch.randn(rows, shape.out), tuple(torch.rand(rows, width).to(kind) for width in shape.hidden))


def answers(batch: Batch, shape: Shape, training: TrainingSettings, device: torch.device) -> Signals:
    """Noise in place of a student's signals on the rows of a batch, which learn by it; the batch is one of epoch 1."""
    batch.epoch, batch.epochs = 1, training.epochs
    found = signals(len(batch.labels), shape, torch.float32).to(device)
    for layer in (found.logits, *found.hidden):
        layer.requires_grad_()
    return found
