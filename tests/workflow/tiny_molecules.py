"""A graph-level task that trains in milliseconds, for the tests of molecular networks and of their training."""

from __future__ import annotations

import numpy as np
import torch

from tests.workflow.models.tiny_graph import networks
from workflow.catalog import Facts
from workflow.models.model import create
from workflow.task import SPLITS, Task

GRAPHS = 40
VOCABULARY, EDGE_VOCABULARY = [6, 4, 2], [3, 2]
INFO = {"vocabulary": VOCABULARY, "edge_vocabulary": EDGE_VOCABULARY}
FACTS = Facts("graph", "binary", "rocauc", outputs=2, features=3, title="Tiny molecules", info=INFO, embedded=True)
MODELS = networks("graph")


def make_task(objective: str = "binary", seed: int = 0) -> Task:
    """Graphs of 1 to 9 nodes, edges in both directions, a ring or a line with chords; two tasks with gaps.

    Task 0 asks for the share of the first category, task 1 for a ring; a third of the labels is unmeasured.
    """
    random = np.random.default_rng(seed)
    counts = random.integers(4, 10, GRAPHS)
    counts[5] = 1  # a single atom, without edges
    begins = np.concatenate([[0], np.cumsum(counts)])
    columns = [random.integers(0, size, begins[-1]) for size in VOCABULARY]
    edges, kinds, labels = [], [], []
    for graph, count in enumerate(counts):
        ring = bool(graph % 2)
        pairs = [(i, i + 1) for i in range(count - 1)] + ([(count - 1, 0)] if ring and count > 2 else [])
        pairs += [(0, 2)] if count > 3 else []
        pairs = [pairs[i] for i in random.permutation(len(pairs))]
        of_pairs = np.stack([random.integers(0, size, len(pairs)) for size in EDGE_VOCABULARY], 1)
        for (a, b), kind in zip(pairs, of_pairs, strict=True):
            edges += [(begins[graph] + a, begins[graph] + b), (begins[graph] + b, begins[graph] + a)]
            kinds += [kind, kind]
        share = (columns[0][begins[graph] : begins[graph + 1]] < 3).mean()
        labels.append((share, ring) if objective == "regression" else (share > 0.5, ring))
    values = np.array(labels, dtype=np.float32)
    values[random.random(values.shape) < 0.3] = np.nan
    of_graph = np.searchsorted(begins, np.array(edges)[:, 0], side="right") - 1
    parts = np.split(random.permutation(GRAPHS), [GRAPHS // 2, 3 * GRAPHS // 4])
    return Task(
        name="tiny-molecules",
        kind="graph",
        objective=objective,
        metric="rmse" if objective == "regression" else "rocauc",
        outputs=2,
        arrays={
            "features": np.stack(columns, 1),
            "edge_features": np.stack(kinds),
            "edge_index": np.array(edges).T,
            "node_pointers": begins,
            "edge_pointers": np.concatenate([[0], np.cumsum(np.bincount(of_graph, minlength=GRAPHS))]),
            "labels": values,
            **{f"split/{part}": np.sort(ids) for part, ids in zip(SPLITS, parts, strict=True)},
        },
        info=INFO,
    ).finish()


def make_network(model: str, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    network = create({"model": model, "layers": 3, "width": 8, **options}, FACTS)
    for name, parameter in network.named_parameters():
        if name.endswith(("start", "epsilon")):  # they begin at 0, where a mistake would not show
            torch.nn.init.normal_(parameter)
    return network
