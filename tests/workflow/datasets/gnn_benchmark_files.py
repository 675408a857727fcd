"""Writes made-up `.npz` files in the form of the Amazon and Coauthor graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from workflow.datasets import gnn_benchmark
from workflow.datasets.gnn_benchmark import FILES
from workflow.task import Task

NAME = "amazon-photo"
CLASSES = 8
APART = 30


def tiny(nodes: int = 600, features: int = 12, classes: int = CLASSES, seed: int = 0) -> dict[str, np.ndarray]:
    """Made-up content: one large component and, scattered among its nodes, APART others in pairs; counts as features.

    Edges are stored in one direction, with self-loops and with both directions of some.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(nodes)
    apart, joined = order[:APART].reshape(-1, 2), order[APART:]
    ends = np.concatenate([joined[draw.integers(len(joined), size=(2 * nodes, 2))], apart, apart[:3, ::-1]])
    ends = np.concatenate([ends, np.stack([joined[:-1], joined[1:]], 1), np.stack([joined[:5]] * 2, 1)])
    adjacency = csr_matrix((np.ones(len(ends), np.float32), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    adjacency.data[:] = 1
    counts = csr_matrix(draw.poisson(0.4, size=(nodes, features)).astype(np.float32))
    labels = draw.permutation(np.arange(nodes) % classes)
    return {
        **{f"adj_{part}": value for part, value in parts(adjacency).items()},
        **{f"attr_{part}": value for part, value in parts(counts).items()},
        "labels": labels,
        "class_names": np.array(["a", "b"]),
    }


def parts(matrix: Any) -> dict[str, np.ndarray]:
    return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array(matrix.shape)}


def write(root: Path, content: dict[str, Any], name: str = NAME) -> Path:
    path = root / name / "raw" / FILES[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **content)
    return path


def build(root: Path, name: str = NAME) -> Task:
    return gnn_benchmark.build(name, {"gnn_benchmark_root": str(root)}).finish()
