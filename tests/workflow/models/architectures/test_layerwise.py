"""GCN, both kinds of GraphSAGE and GAT against PyG's layers."""

from __future__ import annotations

import pytest
import torch
from torch_geometric import nn as pyg

from methods.segments import segment_softmax
from tests.workflow.models.tiny_graph import FACTS, NODES, STILL
from workflow.models.architectures.gat import aggregate
from workflow.models.model import create


class Averaged(torch.nn.Module):
    """The mean over a node and its in-neighbours, mapped."""

    def __init__(self, linear):
        super().__init__()
        self.average, self.lin = pyg.SimpleConv("mean", combine_root="self_loop"), linear

    def forward(self, x, edges):
        return self.lin(self.average(x, edges))


def stacked(model, kind):
    """The same layers in PyG, holding the same parameters."""
    layers = []
    for i, linear in enumerate(model.convolutions):
        a, b = linear.in_features, linear.out_features
        if kind == "gcn":
            layer = pyg.GCNConv(a, b)
            layer.lin.weight, layer.bias = linear.weight, linear.bias
        elif kind == "sage_gcn":
            layer = Averaged(linear)
        elif kind == "sage":
            layer = pyg.SAGEConv(a // 2, b)
            neighbours, own = linear.weight.detach().split(a // 2, dim=1)
            layer.lin_l.weight, layer.lin_r.weight = torch.nn.Parameter(neighbours), torch.nn.Parameter(own)
            layer.lin_l.bias = linear.bias
        else:
            heads = model.heads[i]
            layer = pyg.GATConv(a, b // heads, heads)
            layer.lin.weight, layer.bias = linear.weight, model.biases[i]
            layer.att_src = torch.nn.Parameter(model.sources[i][None].detach())
            layer.att_dst = torch.nn.Parameter(model.targets[i][None].detach())
        layers.append(layer)
    return torch.nn.ModuleList(layers).double()


def gradients(network, i, kind=None):
    """Gradient of layer i's weight matrix, of ours or (with a kind) of PyG's."""
    if kind is None:
        return network.convolutions[i].weight.grad
    layer = network[i]
    if kind == "sage":
        return torch.cat([layer.lin_l.weight.grad, layer.lin_r.weight.grad], dim=1)
    return layer.lin.weight.grad


@pytest.mark.parametrize("widths", [3, 11], ids=["narrowing", "widening"])
@pytest.mark.parametrize("kind", ["gcn", "sage", "sage_gcn", "gat"])
def test_same_outputs_and_gradients_as_pyg(kind, widths, graph, edges):
    torch.manual_seed(2)
    model = create({"model": kind, "layers": 3, "width": widths, "norm": "none"}, FACTS).double()
    theirs = stacked(model, kind)
    x = graph.x
    for i, layer in enumerate(theirs):
        x = layer(x, edges) if i == 2 else layer(x, edges).relu()
    ours = model(graph, STILL)
    torch.testing.assert_close(ours.logits, x)
    weight = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
    (ours.logits * weight).sum().backward()
    mine = [gradients(model, i) for i in range(3)]
    model.zero_grad()
    (x * weight).sum().backward()
    torch.testing.assert_close(mine, [gradients(theirs, i, kind) for i in range(3)])


def test_attention_gradients(graph):
    edges = graph.looped
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(len(edges.columns), 2, dtype=torch.float64, generator=generator, requires_grad=True)
    x = torch.randn(NODES, 2, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, v: aggregate(segment_softmax(s, edges), v, edges), (scores, x))
