"""Every optimizer against torch's, and what caches of the weights' products rely on."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tests.workflow.training.conftest import settings
from workflow.training import optimizers

THEIRS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}


@pytest.mark.parametrize("name", THEIRS)
def test_an_optimizer_is_that_of_torch(name):
    def train(make):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
        optimizer = make(list(model.parameters()))
        for _ in range(20):
            optimizer.zero_grad()
            model(torch.ones(3, 4)).square().mean().backward()
            optimizer.step()
        return [p.detach() for p in model.parameters()]

    training = settings(optimizer=name, learning_rate=0.05, weight_decay=0.1)
    ours = train(lambda p: optimizers.create(p, training))
    torch.testing.assert_close(ours, train(lambda p: THEIRS[name](p, lr=0.05, weight_decay=0.1)), rtol=1e-5, atol=1e-7)


def moved_once(name: str, **changes) -> tuple[torch.nn.Linear, list[int]]:
    linear = torch.nn.Linear(3, 2)
    optimizer = optimizers.create(list(linear.parameters()), settings(optimizer=name, **changes))
    linear(torch.ones(1, 3)).sum().backward()
    before = [p._version for p in linear.parameters()]
    optimizer.step()
    return linear, before


@pytest.mark.parametrize("name", optimizers.DENSE)
def test_a_step_raises_the_version_of_the_weights(name):
    """By it `workflow.models.parts.constant` tells that a product is an old one; the fused kernels do not raise it."""
    linear, before = moved_once(name)
    assert all(p._version > version for p, version in zip(linear.parameters(), before, strict=True))


@pytest.mark.parametrize("name", optimizers.DENSE)
def test_steps_are_taken_at_the_rate_that_was_set(name):
    parameter = torch.nn.Parameter(torch.ones(4))
    optimizer = optimizers.create([parameter], settings(optimizer=name))
    sizes = []
    for rate in (0.1, 0.0, 0.1):
        before = parameter.detach().clone()
        optimizer.set_rate(rate)
        optimizer.zero_grad()
        parameter.sum().backward()
        optimizer.step()
        sizes.append(float((parameter.detach() - before).abs().max()))
    assert sizes[0] > 0 and sizes[1] == 0 and sizes[2] > 0


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_touched_rows_decay_as_those_of_a_dense_table(name):
    """Every row is touched at every step, so that a dense table must move in the same way."""
    rows = torch.tensor([2, 0, 3, 1])
    training = settings(optimizer=name, learning_rate=0.05, weight_decay=0.1)
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    tables = []
    for sparse in (True, False):
        table, weight = torch.nn.Parameter(start.clone()), torch.nn.Parameter(torch.ones(3))
        optimizer = optimizers.create([table, weight], training)
        for _ in range(20):
            optimizer.zero_grad()
            (torch.nn.functional.embedding(rows, table, sparse=sparse) * weight).pow(3).sum().backward()
            optimizer.step()
        assert table.grad.is_sparse == sparse
        tables.append(table.detach())
    torch.testing.assert_close(tables[0], tables[1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(tables[0], start)
