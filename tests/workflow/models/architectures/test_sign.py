"""SIGN against its equation."""

from __future__ import annotations

import pytest
import torch

from tests.workflow.models.tiny_graph import FACTS, STILL, moving, with_loops
from workflow.models.architectures.sign import hop
from workflow.models.model import create


@pytest.mark.parametrize(("layers", "before"), [(2, 1), (4, 2), (5, 3)])
def test_sign_is_its_equation(layers, before, graph, edges):
    torch.manual_seed(5)
    spec = {"model": "sign", "layers": layers, "width": 6, "hops": 2, "hop_layers": before}
    model = create(spec, FACTS).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "slope" in name:
                parameter.uniform_(-1, 1)
    prelu, linear = torch.nn.functional.prelu, torch.nn.functional.linear
    dense = with_loops(edges)
    step = dense / dense.sum(1, keepdim=True)
    joined = []
    for k in range(3):
        x = torch.linalg.matrix_power(step, k) @ graph.x
        torch.testing.assert_close(hop(graph, k), x)
        for layer in range(before):
            x = linear(x, model.hops[layer][k].weight, model.hops[layer][k].bias)
            if layer < before - 1:
                x = prelu(x, model.hop_slopes[k : k + 1])
        joined.append(x)
    x = prelu(torch.cat(joined, dim=1), model.join_slope)
    for f in model.after[:-1]:
        x = prelu(f(x), model.after_slope)
    ours = model(graph, STILL)
    torch.testing.assert_close(ours.last, x)
    torch.testing.assert_close(ours.logits, model.after[-1](x))
    weight = torch.randn(ours.logits.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    mine = torch.autograd.grad((ours.logits * weight).sum(), list(model.parameters()))
    other = torch.autograd.grad((model.after[-1](x) * weight).sum(), list(model.parameters()))
    torch.testing.assert_close(mine, other)


def test_sign_propagates_once(graph):
    model = create({"model": "sign", "layers": 2, "width": 4}, FACTS).double()
    model(graph, STILL)
    kept = hop(graph, 5)
    model(graph, moving())
    assert hop(graph, 5) is kept
    graph.forget()
    assert hop(graph, 5) is not kept
