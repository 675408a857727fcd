"""Linear maps of a constant input."""

from __future__ import annotations

import numpy as np
import torch

from workflow.models.parts import constant
from workflow.models.parts.constant import ConstantLinear
from workflow.specs import TrainingSettings
from workflow.training import optimizers


def test_constant_linear_follows_its_weights():
    """Every optimizer must be noticed, or the cached product would be an old one."""
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    for name in ("adam", "adamw", "rmsprop", "sgd"):
        linear = ConstantLinear(4, 3)
        optimizer = optimizers.create(list(linear.parameters()), TrainingSettings(optimizer=name))
        for _ in range(3):
            with torch.no_grad():
                assert torch.equal(linear.constant(x), linear(x))
            out = linear.constant(x)
            assert torch.equal(out, linear(x)), name
            optimizer.zero_grad()
            out.square().sum().backward()
            cached = [p.grad.clone() for p in linear.parameters()]
            optimizer.zero_grad()
            linear(x).square().sum().backward()
            torch.testing.assert_close(cached, [p.grad for p in linear.parameters()])
            optimizer.step()
        linear.load_state_dict({"weight": torch.zeros(3, 4), "bias": torch.ones(3)})
        assert torch.equal(linear.constant(x), torch.ones(9, 3))


def test_constant_linear_notices_another_input_at_the_same_address():
    """A tensor that was freed leaves its address, and a fresh version number, to the next one."""
    memory = np.ones((9, 4), np.float32)
    linear = ConstantLinear(4, 3).requires_grad_(False)
    assert torch.equal(linear.constant(torch.from_numpy(memory)), linear(torch.ones(9, 4)))
    memory[:] = 2
    assert torch.equal(linear.constant(torch.from_numpy(memory)), linear(torch.full((9, 4), 2.0)))


def test_constant_linear_computes_once_for_the_same_input(monkeypatch):
    calls = []
    product = torch.nn.functional.linear
    monkeypatch.setattr(constant.nn.functional, "linear", lambda *a: calls.append(1) or product(*a))
    linear, x = constant.ConstantLinear(4, 3), torch.ones(9, 4)
    linear.constant(x)
    linear.constant(x)
    assert len(calls) == 1
    linear.weight.data = linear.weight.data.clone()
    linear.constant(x)
    assert len(calls) == 2
