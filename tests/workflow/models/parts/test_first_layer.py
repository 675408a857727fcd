"""Features under dropout, sparse and dense."""

from __future__ import annotations

import pytest
import torch

from tests.workflow.models.tiny_graph import NODES, STILL, moving
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.first_layer import entries_of, first


@pytest.mark.parametrize("share", [0.1, 0.9], ids=["sparse", "dense"])
def test_dropout_on_constant_features(share, graph):
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(NODES, 40, generator=generator, dtype=torch.float64)
    x *= torch.rand(x.shape, generator=generator, dtype=torch.float64) < share
    linear = ConstantLinear(40, 5).double()
    assert torch.equal(first(linear, x, STILL, 0.5, graph), torch.nn.functional.linear(x, linear.weight, linear.bias))
    entries = entries_of(x)
    assert (entries is not None) == (share == 0.1)
    # The same draw, seen from outside.
    masked = moving()(x, 0.5)
    if entries is not None:
        masked = torch.zeros_like(x)
        masked[x != 0] = moving()(x[x != 0], 0.5)
    expected = torch.nn.functional.linear(masked, linear.weight, linear.bias)
    ours = first(linear, x, moving(), 0.5, graph)
    torch.testing.assert_close(ours, expected)
    weight = torch.randn(ours.shape, dtype=ours.dtype, generator=generator)
    mine = torch.autograd.grad((ours * weight).sum(), list(linear.parameters()))
    torch.testing.assert_close(mine, torch.autograd.grad((expected * weight).sum(), list(linear.parameters())))
