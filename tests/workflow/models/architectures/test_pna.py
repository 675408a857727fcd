"""The aggregators of PNA against plain torch, where messages tie, are zero or negative, and where a node has none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methods.sparse import compressed
from workflow.models.architectures.pna import SMALLEST_VARIANCE, aggregate

NODES = 7


class Edges:
    """As much of a batch of molecules as the aggregators read; edges repeat, and node 4 has none."""

    def __init__(self) -> None:
        source = torch.tensor([0, 0, 1, 1, 2, 3, 3, 5, 6, 6, 0, 2, 5])
        target = torch.tensor([1, 1, 0, 2, 0, 2, 2, 6, 5, 5, 3, 3, 3])
        self.edges, _ = compressed(target, source, NODES, NODES)
        self.degree = self.edges.counts
        self.nodes = NODES
        self.targets = self.edges.rows.long()


def plainly(messages: Tensor, graph: Edges) -> Tensor:
    """By scatter_reduce alone."""
    index = graph.targets[:, None].expand_as(messages)

    count = graph.degree.clamp(min=1)[:, None]

    def reduced(how: str, values: Tensor, start: float = 0) -> Tensor:
        # A start that no message equals: torch counts it as one more of those that tie.
        found = values.new_full((NODES, values.shape[1]), start).scatter_reduce(0, index, values, how)
        return torch.where(graph.degree[:, None] > 0, found, 0)

    mean = reduced("sum", messages) / count
    variance = reduced("sum", messages * messages) / count - mean * mean
    deviation = torch.where(variance > SMALLEST_VARIANCE, variance.clamp(min=SMALLEST_VARIANCE).sqrt(), 0)
    return torch.cat(
        [mean, reduced("amin", messages, torch.inf), reduced("amax", messages, -torch.inf), deviation], dim=1
    )


@pytest.mark.parametrize("kind", ["distinct", "tied", "zero", "negative"])
def test_values_and_gradients_are_those_of_scatter_reduce(kind):
    graph, generator = Edges(), torch.Generator().manual_seed(0)
    messages = torch.randn(len(graph.targets), 5, generator=generator, dtype=torch.float64)
    if kind == "tied":
        messages = messages.round()
    elif kind == "zero":
        messages = messages.relu().round()
    elif kind == "negative":
        messages = -messages.abs().round() - 1
    weights = torch.randn(NODES, 20, generator=generator, dtype=torch.float64)
    found, expected = ([], [])
    for function, answers in ((aggregate, found), (plainly, expected)):
        leaf = messages.clone().requires_grad_()
        value = function(leaf, graph)
        (value * weights).sum().backward()
        answers += [value.detach(), leaf.grad]
    torch.testing.assert_close(found, expected)
