"""Linear CKA of every pair of layers, against the kernels of its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.contract import Signals
from tests.conftest import TINY, make_tiny_task
from tests.workflow.training.conftest import CPU, cell
from tests.workflow.training.test_fidelity import slow_cka
from tests.workflow.training.trainings import KINDS
from workflow.models.model import create
from workflow.specs import TrainingSettings
from workflow.training import fidelity, layers
from workflow.training.feeds import choose
from workflow.training.feeds.gathered import Partial
from workflow.training.records import Records

RANDOM = np.random.default_rng(5)


def drawn(widths, rows: int = 40) -> list[torch.Tensor]:
    return [torch.from_numpy(RANDOM.standard_normal((rows, width)) + 3) for width in widths]


def test_every_pair_against_the_kernels():
    student, teacher = drawn((3, 60)), drawn((5, 4, 50))
    found = layers.similarity(student, teacher)
    slow = [[slow_cka(s.numpy(), t.numpy()) for s in student] for t in teacher]
    assert np.array(found) == pytest.approx(np.array(slow), abs=1e-4)


def test_a_layer_is_like_itself_turned_and_unlike_nothing():
    (x,) = drawn((4,))
    turn = torch.linalg.qr(torch.from_numpy(RANDOM.standard_normal((4, 4))))[0]
    constant, broken = torch.full((40, 2), 0.1, dtype=torch.float64), x.clone()
    broken[0, 0] = torch.nan
    assert layers.similarity([x @ turn * 2 + 1, constant, broken], [x, constant]) == [[1.0, None, None], [None] * 3]
    assert layers.similarity([], [x]) == layers.similarity([x], []) == []


def test_before_is_before_the_training():
    """A student that began as its teacher was equal to it then alone."""
    feed = choose.create(make_tiny_task(), CPU, "all")
    torch.manual_seed(0)
    student, teacher = (create({"model": "gcn", "layers": 3, "width": 6}, TINY).eval() for _ in range(2))
    with torch.no_grad():
        known = feed.knowledge(teacher)
    _, pairs = fidelity.measure(student, feed, known, layers.of(teacher, feed))
    assert [pairs["before"][layer][layer] for layer in (0, 1)] == pytest.approx([1.0, 1.0])
    assert max(pairs["after"][layer][layer] for layer in (0, 1)) < 0.999


@pytest.mark.parametrize("name", ["node", "graph", "full"])
def test_both_networks_are_seen_on_the_same_rows_of_the_test_part(name, monkeypatch):
    """Before and after are the same where nothing was trained, and the last pair is the row's own CKA."""
    kind = KINDS[name]
    task = kind.task()
    torch.manual_seed(0)
    model, other = create(kind.network, kind.facts), create(kind.network, kind.facts).eval()
    feed = choose.create(task, torch.device("cpu"), "all", kind.settings.changed(TrainingSettings(epochs=1)))
    state = torch.random.get_rng_state()
    first = layers.of(model, feed)
    with torch.no_grad():
        teacher = feed.knowledge(other)
    found, pairs = fidelity.measure(model, feed, teacher, first)
    assert torch.equal(torch.random.get_rng_state(), state), "no stream moves"
    assert pairs["before"] == pairs["after"]
    assert np.shape(pairs["after"]) == (len(teacher.hidden), len(first))
    assert pairs["after"][-1][-1] == pytest.approx(found["cka"], abs=1e-4)
    monkeypatch.setattr(layers, "ROWS", 7)
    few = layers.sample(teacher, task)
    assert {len(layer) for layer in few} == {7}
    marked = Signals(teacher.logits, tuple(torch.arange(len(layer)).view(-1, 1) for layer in teacher.hidden))
    rows = layers.sample(marked, task)[0].flatten().long()
    units = torch.from_numpy(np.sort(task.split("test")))
    assert set(rows.tolist()) <= set(layers.hidden_rows(task, units).tolist())
    assert torch.equal(few[-1], teacher.hidden[-1][rows].double())
    if name == "node":
        some = Partial(teacher.logits[units], tuple(layer[units] for layer in teacher.hidden), units)
        assert all(map(torch.equal, layers.sample(some, task), few)), "a teacher of some nodes alone"


@pytest.mark.parametrize("method", ["supervised", "abkd"])
def test_a_training_keeps_its_layers_and_the_teacher_has_none(method, taught):
    taught.distill(cell(method), seeds=(0,))
    pairs = Records(taught.folder / "cell").read(0).history.layers
    assert {when: np.shape(matrix) for when, matrix in pairs.items()} == {"before": (2, 1), "after": (2, 1)}
    assert pairs["before"] != pairs["after"]
    assert Records(taught.folder / "teacher").read(0).history.layers == {}
