"""Small inputs of every kind of task, for the checks of networks; their nodes can be put into another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from methods.contract import UNLABELED
from methods.sparse import compressed
from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.hetero import HeteroGraph, pattern
from workflow.models.molecules import Collection, Molecules

NODES, CLASSES, FEATURES = 24, 3, 5
GRAPHS = 6
SIZE = NODES // GRAPHS
TAGS = 7
VOCABULARY, EDGE_VOCABULARY = [6, 4], [3]
HETERO = {
    "target": "item",
    "counts": {"item": NODES, "tag": TAGS},
    "features": {"item": FEATURES},
    "relations": ["item/has/tag", "item/next/item", "tag/rev_has/item"],
}


@dataclass(frozen=True)
class Input:
    """What a network of one kind of task is called with.

    Attributes:
        facts: of the dataset that it stands for.
    """

    facts: Facts

    @property
    def units(self) -> int:
        """Rows of the logits."""
        return GRAPHS if self.facts.kind == Kind.GRAPH else NODES

    def order(self) -> Tensor:
        """[NODES] a permutation of the nodes; those of a graph stay together in graph-level tasks."""
        random = np.random.default_rng(3)
        if self.facts.kind != Kind.GRAPH:
            return torch.from_numpy(random.permutation(NODES))
        return torch.from_numpy(np.concatenate([graph * SIZE + random.permutation(SIZE) for graph in range(GRAPHS)]))

    def made(self, order: Tensor | None = None) -> Any:
        """The input in float64; its row k is row order[k]."""
        order = torch.arange(NODES) if order is None else order
        made = {Kind.NODE: _graph, Kind.HETEROGENEOUS: _hetero, Kind.GRAPH: _molecules}[self.facts.kind]
        return made(order, torch.argsort(order))


def inputs() -> dict[Kind, Input]:
    """One for every kind of task."""
    graph = {"vocabulary": VOCABULARY, "edge_vocabulary": EDGE_VOCABULARY}
    info: dict[Kind, tuple[Objective, str, int, dict[str, Any]]] = {
        Kind.NODE: (Objective.MULTICLASS, "accuracy", FEATURES, {"symmetric": False}),
        Kind.HETEROGENEOUS: (Objective.MULTICLASS, "accuracy", FEATURES, HETERO),
        Kind.GRAPH: (Objective.BINARY, "rocauc", len(VOCABULARY), graph),
    }
    return {
        kind: Input(Facts(kind, objective, metric, CLASSES, features, "Small", facts))
        for kind, (objective, metric, features, facts) in info.items()
    }


def _edges() -> np.ndarray:
    """[2, E], directed, so that a missing transpose shows; node 3 has no in-neighbour."""
    edges = np.random.default_rng(0).integers(0, NODES, (2, 4 * NODES))
    found: np.ndarray = np.unique(edges[:, (edges[0] != edges[1]) & (edges[1] != 3)], axis=1)
    return found


def _features() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(NODES, FEATURES)))


def _graph(order: Tensor, place: Tensor) -> Graph:
    source, target = place[torch.from_numpy(_edges())]
    forth, back = (compressed(a, b, NODES, NODES)[0] for a, b in ((target, source), (source, target)))
    labels = torch.from_numpy(np.random.default_rng(2).integers(0, CLASSES, NODES))
    labels[NODES // 2 :] = UNLABELED
    return Graph(_features()[order], forth.pointers, forth.columns, (back.pointers, back.columns), labels[order])


def _hetero(order: Tensor, place: Tensor) -> HeteroGraph:
    random = np.random.default_rng(4)
    tags = torch.from_numpy(np.stack([random.integers(0, NODES, 40), random.integers(0, TAGS, 40)]))
    source, target = place[torch.from_numpy(_edges())]
    ends = {
        "item/next/item": (source, target, NODES, NODES),
        "item/has/tag": (place[tags[0]], tags[1], NODES, TAGS),
        "tag/rev_has/item": (tags[1], place[tags[0]], TAGS, NODES),
    }
    patterns = {}
    for name, (sources, targets, width, height) in ends.items():
        unique = torch.unique(torch.stack([targets, sources]), dim=1)
        found = compressed(unique[0], unique[1], height, width)[0]
        patterns[name] = pattern(found.pointers.numpy(), found.columns.numpy(), width)
    return HeteroGraph({"item": _features()[order]}, HETERO["counts"], patterns, "item")  # type: ignore[arg-type]


def _molecules(order: Tensor, place: Tensor) -> Molecules:
    random = np.random.default_rng(5)
    nodes = np.arange(NODES)
    around = nodes // SIZE * SIZE + (nodes + 1) % SIZE
    edges = np.concatenate([np.stack([nodes, around]), np.stack([around, nodes])], axis=1)
    kinds = np.concatenate([random.integers(0, EDGE_VOCABULARY[0], (NODES, 1))] * 2)
    atoms = np.stack([random.integers(0, size, NODES) for size in VOCABULARY], axis=1)
    arrays = {
        "features": atoms[order.numpy()],
        "edge_index": place.numpy()[edges],
        "edge_features": kinds,
        "node_pointers": np.arange(0, NODES + 1, SIZE),
        "edge_pointers": np.arange(0, 2 * NODES + 1, 2 * SIZE),
    }
    return Collection(arrays, np.arange(GRAPHS)).batch(torch.arange(GRAPHS))
