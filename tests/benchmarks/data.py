"""A generated graph of the size of ogbn-arxiv: 169,343 nodes, 1,166,243 edges, 128 features, 40 classes."""

from __future__ import annotations

import numpy as np

from workflow.tasks.csr import symmetric_csr
from workflow.tasks.task import Task

NODES, EDGES, FEATURES, CLASSES = 169_343, 1_166_243, 128, 40
TRAIN_SHARE = 0.54
"""Of ogbn-arxiv's nodes, those published until 2017."""


def arxiv_sized(nodes: int = NODES, edges: int = EDGES) -> Task:
    """Random edges with a heavy-tailed in-degree, as citations have; features and labels are noise."""
    random = np.random.default_rng(0)
    target = random.integers(0, nodes, edges)
    source = (nodes * random.power(0.35, edges)).astype(np.int64) % nodes
    kept = source != target
    pointers, sources = symmetric_csr(source[kept], target[kept], nodes)
    order = random.permutation(nodes)
    parts = np.split(order, [int(TRAIN_SHARE * nodes), int(0.71 * nodes)])
    return Task(
        name="arxiv-sized",
        kind="node",
        objective="multiclass",
        metric="accuracy",
        outputs=CLASSES,
        arrays={
            "features": random.standard_normal((nodes, FEATURES), dtype=np.float32),
            "labels": random.integers(0, CLASSES, nodes),
            "pointers": pointers,
            "sources": sources,
            **{f"split/{p}": np.sort(ids) for p, ids in zip(("train", "valid", "test"), parts, strict=True)},
        },
        info={"symmetric": True},
    )
