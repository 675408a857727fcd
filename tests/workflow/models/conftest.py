"""A small directed graph with labels on half of its nodes, and a small task of molecules."""

from __future__ import annotations

import pytest
import torch

from methods.contract import UNLABELED
from tests.workflow.models.tiny_graph import NODES, graph_of
from tests.workflow.tiny_molecules import make_task
from workflow.models.graph import Graph
from workflow.models.molecules import Collection
from workflow.task import Task


@pytest.fixture
def edges() -> torch.Tensor:
    """Node 3 has no in-neighbour."""
    edges = torch.randint(NODES, (2, 150), generator=torch.Generator().manual_seed(0))
    return torch.unique(edges[:, (edges[0] != edges[1]) & (edges[1] != 3)], dim=1)


@pytest.fixture
def graph(edges: torch.Tensor) -> Graph:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(4, (NODES,), generator=generator)
    labels[NODES // 2 :] = UNLABELED
    return graph_of(torch.randn(NODES, 7, dtype=torch.float64, generator=generator), edges, labels)


@pytest.fixture
def task() -> Task:
    """Of molecules."""
    return make_task()


@pytest.fixture
def collection(task: Task) -> Collection:
    """Its training graphs."""
    return Collection(task.arrays, task.split("train"))
