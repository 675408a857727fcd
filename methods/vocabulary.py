"""Words that methods, networks and data share, each defined once. Imports no torch: the Snakefile reads them."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What is predicted on: the nodes of one graph, of one graph with types, or whole graphs."""

    NODE = "node"
    HETEROGENEOUS = "heterogeneous"
    GRAPH = "graph"


class Objective(StrEnum):
    """How logits are read."""

    MULTICLASS = "multiclass"
    BINARY = "binary"
    REGRESSION = "regression"
