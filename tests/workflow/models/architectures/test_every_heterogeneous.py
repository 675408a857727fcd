"""What every network of heterogeneous graphs that is found must do."""

from __future__ import annotations

import pytest
import torch

from tests.workflow.models.tiny_graph import STILL, build, has, moving, networks
from tests.workflow.tiny_hetero import FACTS, doubled, make_task
from workflow.task import Task

MODELS = networks("heterogeneous")


@pytest.fixture
def task() -> Task:
    return make_task()


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_wanted_rows_are_those_of_all(name, layers, task):
    model = build(name, FACTS, layers=layers, width=12).double()
    rows = torch.tensor([3, 4, 17, 59])
    some, every = model(doubled(task, rows=rows), STILL), model(doubled(task), STILL).at(rows)
    torch.testing.assert_close(some.logits, every.logits)
    torch.testing.assert_close(some.hidden, every.hidden)


@pytest.mark.parametrize("name", MODELS)
def test_hidden_states_are_taken_before_dropout(name, task):
    if not has(name, "dropout"):
        pytest.skip("drops nothing")
    model = build(name, FACTS, layers=2, width=8, dropout=0.95).double()
    model.input_dropout = 0.0  # of the networks that have one: it comes before the first layer
    dropped = model(doubled(task), moving())
    kept = model(doubled(task), STILL)
    torch.testing.assert_close(dropped.hidden[0], kept.hidden[0])
    assert not torch.allclose(dropped.logits, kept.logits)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_inference_is_the_forward_pass_in_the_shape_that_is_told(name, layers, task):
    model = build(name, FACTS, layers=layers, width=8).double()
    whole, found = model(doubled(task), STILL), model.infer(doubled(task, backward=False))
    torch.testing.assert_close(found.logits, whole.logits.detach())
    torch.testing.assert_close(tuple(found.hidden), tuple(layer.detach() for layer in whole.hidden))
    assert found.shape == model.shape
