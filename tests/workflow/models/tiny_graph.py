"""A small directed graph, facts of datasets, and the networks found, for the tests of networks."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from methods.sparse import Pattern, compressed
from workflow.catalog import Facts
from workflow.errors import UserError
from workflow.models import listing
from workflow.models.graph import Graph
from workflow.models.model import Dropout, Model, create, load

NODES = 40
FACTS = Facts("node", "multiclass", "accuracy", outputs=4, features=7, title="")
PUBMED = Facts("node", "multiclass", "accuracy", outputs=3, features=500, title="")
ARXIV = Facts("node", "multiclass", "accuracy", outputs=40, features=128, title="")
STILL = Dropout(None)


def networks(kind: str) -> list[str]:
    """Ids of all networks that serve a kind of task."""
    return [model for model in listing.available() if kind in load(model).kinds]


def has(model: str, option: str) -> bool:
    return option in inspect.signature(load(model).__init__).parameters


def build(model: str, facts: Facts = FACTS, *, layers: int, **options: Any) -> Model:
    """A network of so many layers, or of the fewest that it can have."""
    try:
        return create({"model": model, "layers": layers, **options}, facts)
    except UserError:
        return create({"model": model, "layers": layers + 1, **options}, facts)


def moving(seed: int = 0) -> Dropout:
    return Dropout(torch.Generator().manual_seed(seed))


def adjacency(edges: torch.Tensor, nodes: int = NODES) -> Pattern:
    """Row i holds the sources j of the edges j -> i."""
    return compressed(edges[1], edges[0], nodes, nodes)[0]


def graph_of(x: torch.Tensor, edges: torch.Tensor, labels: torch.Tensor | None = None) -> Graph:
    """A DIRECTED graph, so that a missing transpose shows."""
    forth, back = adjacency(edges), adjacency(edges.flip(0))
    return Graph(x, forth.pointers, forth.columns, (back.pointers, back.columns), labels)


def with_loops(edges: torch.Tensor) -> torch.Tensor:
    """A + I [target, source], dense."""
    dense = torch.eye(NODES, dtype=torch.float64)
    dense[edges[1], edges[0]] = 1
    return dense
