"""GCNII against PyG's layer."""

from __future__ import annotations

import pytest
import torch
from torch_geometric import nn as pyg

from tests.workflow.models.tiny_graph import FACTS, STILL, moving
from workflow.models.model import create


@pytest.mark.parametrize(("name", "layers"), [("gcnii", 1), ("gcnii", 4), ("gcnii", 64), ("gcnii_recurrent", 4)])
def test_gcnii_is_that_of_pyg(name, layers, graph, edges):
    torch.manual_seed(2)
    model = create({"model": name, "layers": layers, "width": 6, "theta": 0.7, "alpha": 0.2}, FACTS).double()
    theirs = [pyg.GCN2Conv(6, 0.2, 0.7, layer).double() for layer in range(1, layers + 1)]
    for number, layer in enumerate(theirs):
        layer.weight1 = torch.nn.Parameter(model.convolutions[number].weight.detach().t().clone())
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
    ours_inside = [g.t() for g in mine[4:]]
    theirs_inside = list(other[4:]) if name == "gcnii" else [sum(other[4:])]  # of one matrix at every layer
    torch.testing.assert_close([*mine[:4], *ours_inside], [*other[:4], *theirs_inside])


def test_the_recurrent_one_has_the_size_of_one_layer():
    sizes = [
        sum(p.numel() for p in create({"model": name, "layers": layers, "width": 6}, FACTS).parameters())
        for name, layers in (("gcnii", 1), ("gcnii_recurrent", 1), ("gcnii_recurrent", 64))
    ]
    assert len(set(sizes)) == 1


def test_gradient_reaches_all_64_layers(graph):
    torch.manual_seed(0)
    graph.x = graph.x.float()
    model = create({"model": "gcnii", "layers": 64, "width": 16}, FACTS).train()
    model(graph, moving()).logits.square().sum().backward()
    strengths = torch.stack([layer.weight.grad.norm() for layer in model.convolutions])
    assert strengths.isfinite().all()
    # Each layer passes 1 - alpha of it on, 63 of them about a thousandth; rounding would leave 1e-7.
    assert strengths.min() > 1e-5 * strengths.max()
