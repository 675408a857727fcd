"""Words that methods, networks and data share, each defined once. Imports no torch: the Snakefile reads them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


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


class Extra(StrEnum):
    """What a method may ask of a teacher beside its signals; computed by workflow/training/extras.py."""

    NOISE_ENTROPY = "noise_entropy"
    """[N] absolute change of the entropy of every unit's prediction under standard normal noise on the features."""
    CLASSIFIER = "classifier"
    """[C, d + 1] weights of the linear map from the last hidden layer (pooled) to the logits, the bias last."""
    CLUSTERS = "clusters"
    """[nodes] int64 community of every node within its graph, counted from 0 (Louvain); graph-level tasks."""


class TaskFacts(Protocol):
    """What `Method.skip` may ask of a task."""

    @property
    def kind(self) -> Kind: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def num_edges(self) -> int: ...
