"""The pairs of edges that local structure compares."""

from __future__ import annotations

import torch

from methods.contract import Batch
from methods.edges import Edges


def test_edges_there_and_back_are_one_pair() -> None:
    """0 -> 1 and 1 -> 0, 2 -> 1 alone, 2 -> 0 twice, and a self-loop of 1."""
    edge_index = torch.tensor([[0, 1, 2, 2, 2, 1], [1, 0, 1, 0, 0, 1]])
    edges = Edges.of(Batch(torch.zeros(3, dtype=torch.int64), edge_index, torch.Generator()))
    ends = torch.stack([edges.pairs.rows, edges.pairs.columns])
    assert ends.tolist() == [[0, 0, 1, 1], [1, 2, 1, 2]]
    # By target: 1 -> 0, 2 -> 0 and again; 0 -> 1, 1 -> 1, 2 -> 1.
    assert edges.neighbours.rows.tolist() == [0, 0, 0, 1, 1, 1]
    assert edges.neighbours.columns.tolist() == [0, 1, 1, 0, 2, 3]
    assert len(edges) == 6
