"""The shuffled teacher: which rows get which targets, and that nothing else of the training is changed by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import methods
from methods.contract import Signals
from tests.workflow import tiny_molecules
from tests.workflow.training.conftest import cell
from workflow.task import ABSENT, Task
from workflow.training import block
from workflow.training.exchange import exchanged
from workflow.training.feeds import labels
from workflow.training.feeds.gathered import Partial

UNITS = 40


def own(units: int = UNITS) -> Signals:
    """Logits tell their unit."""
    numbers = torch.arange(float(units))[:, None]
    return Signals(numbers.expand(-1, 2), (numbers,))


def test_logits_change_places_within_each_group_and_hidden_states_stay() -> None:
    taught, labeled = torch.arange(4, UNITS, 2), torch.arange(UNITS) < 20
    found = exchanged(own(), taught, labeled, np.random.default_rng(0))
    got = found.logits[:, 0].long()
    for group in (taught[labeled[taught]], taught[~labeled[taught]]):
        assert sorted(got[group].tolist()) == group.tolist()
        assert (got[group] != group).float().mean() > 0.5
    others = sorted(set(range(UNITS)) - set(taught.tolist()))
    assert got[others].tolist() == others
    assert torch.equal(found.hidden[0], own().hidden[0])
    assert torch.equal(found.logits, exchanged(own(), taught, labeled, np.random.default_rng(0)).logits)
    assert not torch.equal(found.logits, exchanged(own(), taught, labeled, np.random.default_rng(1)).logits)


def test_a_teacher_of_some_nodes_exchanges_them_by_their_ids() -> None:
    nodes = torch.tensor([3, 8, 9, 21, 30, 34])
    some = Partial(nodes[:, None].float(), (), nodes)
    labeled = torch.arange(UNITS) < 10
    found = exchanged(some, nodes[:5], labeled, np.random.default_rng(0))
    assert isinstance(found, Partial) and torch.equal(found.nodes, nodes)
    got = found.logits[:, 0].long().tolist()
    assert sorted(got[:3]) == [3, 8, 9] and sorted(got[3:5]) == [21, 30] and got[5] == 34


def test_learned_labels_are_those_of_the_training_split(tiny_task: Task) -> None:
    train = tiny_task.split("train")
    assert np.flatnonzero(labels.learned(tiny_task)).tolist() == sorted(train.tolist())
    hidden = tiny_task.labels.copy()
    hidden[train[0]] = ABSENT
    fewer = replace(tiny_task, arrays={**tiny_task.arrays, "labels": hidden})
    assert int(labels.learned(fewer).sum()) == len(train) - 1
    molecules = tiny_molecules.make_task()
    targets = np.array(molecules.labels)
    first, second = molecules.split("train")[:2]
    targets[first], targets[second] = np.nan, [np.nan, 1.0]
    found = labels.learned(replace(molecules, arrays={**molecules.arrays, "labels": targets}))
    assert not found[first] and found[second] and int(found.sum()) == len(molecules.split("train")) - 1


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> list[Signals]:
    """What the trainings of this test are taught."""
    seen: list[Signals] = []
    fit = block.fit

    def watched(*inputs: Any) -> Any:
        seen.append(inputs[5])
        return fit(*inputs)

    monkeypatch.setattr(block, "fit", watched)
    return seen


def test_a_student_of_the_shuffled_teacher_gets_its_logits_in_another_order(
    taught: Any, lessons: list[Signals]
) -> None:
    rows = [
        taught.distill(cell(name), seeds=(seed,), name=f"{name}-{seed}")[0]
        for name in ("kd", "shuffled")
        for seed in (0, 1)
    ]
    assert [row["status"] for row in rows] == ["ok"] * 4
    plain, _, first, second = (lesson.logits for lesson in lessons)
    assert torch.equal(plain.sort(0).values, first.sort(0).values)
    assert not torch.equal(plain, first)
    moved = (plain[:, None] == first[None]).all(2).float().argmax(0)
    other = (lessons[1].logits[:, None] == second[None]).all(2).float().argmax(0)
    assert not torch.equal(moved, other), "seeds exchange in orders of their own"
    trained = dict(zip(("kd", "shuffled"), (rows[0], rows[2]), strict=True))
    assert trained["kd"]["kl_to_teacher"] < trained["shuffled"]["kl_to_teacher"], (
        "fidelity is to the teacher's own rows"
    )


def test_a_composition_has_one_teacher() -> None:
    assert methods.exchanged("shuffled") and not methods.exchanged("kd+abkd")
    with pytest.raises(ValueError, match="'shuffled\\+abkd' mixes methods of a teacher"):
        methods.create("shuffled+abkd", teacher=own().shape, student=own().shape)
