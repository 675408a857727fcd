"""GCNII against PyG's layer."""

from __future__ import annotations

import pytest
import torch
from torch_geometric import nn as pyg

from tests.workflow.models.tiny_graph import FACTS, STILL, moving
from workflow.models.model import create


@pytest.mark.parametrize("layers", [1, 4, 64])
def test_gcnii_is_that_of_pyg(layers, graph, edges):
    torch.manual_seed(2)
    model = create({"model": "gcnii", "layers": layers, "width": 6, "theta": 0.7, "alpha": 0.2}, FACTS).double()
    theirs = [pyg.GCN2Conv(6, 0.2, 0.7, layer).double() for layer in range(1, layers + 1)]
    for layer, linear in zip(theirs, model.convolutions, strict=True):
        layer.weight1 = torch.nn.Parameter(linear.weight.detach().t().clone())
    x = start = torch.nn.functional.linear(graph.x, model.input.weight, model.input.bias).relu()
    expected = [x]
    for layer in theirs:
        expected.append(x := layer(x, start, edges).relu())
    logits = model.output(x)
    ours = model(graph, STILL)
    torch.testing.assert_close(ours.logits, logits)
    torch.testing.assert_close(list(ours.hidden), expected)

    weight = torch.randn(logits.shape, dtype=logits.dtype, generator=torch.Generator().manual_seed(3))
    ends = [*model.input.parameters(), *model.output.parameters()]
    mine = torch.autograd.grad((ours.logits * weight).sum(), [*ends, *model.convolutions.parameters()])
    other = torch.autograd.grad((logits * weight).sum(), [*ends, *(layer.weight1 for layer in theirs)])
    torch.testing.assert_close(list(mine), [*other[:4], *(g.t() for g in other[4:])])


def test_gradient_reaches_all_64_layers(graph):
    torch.manual_seed(0)
    graph.x = graph.x.float()
    model = create({"model": "gcnii", "layers": 64, "width": 16}, FACTS).train()
    model(graph, moving()).logits.square().sum().backward()
    strengths = torch.stack([layer.weight.grad.norm() for layer in model.convolutions])
    assert strengths.isfinite().all()
    # Each layer passes 1 - alpha of it on, 63 of them about a thousandth; rounding would leave 1e-7.
    assert strengths.min() > 1e-5 * strengths.max()
