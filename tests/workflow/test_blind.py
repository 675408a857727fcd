"""Trials of tuning are trained on tasks without test labels: nothing that gets such a task can read one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.variants import dataset_of, prepared
from tests.conftest import make_tiny_task
from tests.workflow.training.conftest import CPU
from tests.workflow.training.trainings import ALL, Training, assert_same
from workflow import catalog, variants
from workflow.errors import UserError
from workflow.task import ABSENT, BLIND, Task, absent
from workflow.training.feeds import choose
from workflow.variants import Variant


def blind(task: Task) -> Task:
    return Variant(blind=True).apply(task).finish()


def test_ids_of_blind_variants():
    for name, variant in {
        "cora@blind": Variant(blind=True),
        "cora@20,blind": Variant(20, blind=True),
        "cora@20,inductive,blind": Variant(20, True, blind=True),
        "cora@inductive,blind,all": Variant(None, True, "all", True),
    }.items():
        assert variant.of("cora") == name
        assert variants.parse(name) == ("cora", variant)
        assert dataset_of(name) == "cora"
    assert prepared("cora@20,blind,all") == "cora@20,blind"
    assert Variant(20, blind=True).title("Cora") == "Cora, 20 labels per class, without test labels"
    with pytest.raises(UserError, match="unknown variant"):
        catalog.facts("cora@blind,20")


@pytest.mark.parametrize("kind", ALL)
def test_no_test_label_is_on_disk(kind: str, tmp_path: Path):
    task = ALL[kind].task()
    blind(task).save(tmp_path / "blind")
    found = Task.load(tmp_path / "blind")
    test, others = task.split("test"), np.setdiff1d(np.arange(len(task.labels)), task.split("test"))
    assert absent(found.labels[test]).all()
    assert not absent(task.labels[test]).all(), "or there was nothing to remove"
    assert np.array_equal(found.labels[others], task.labels[others], equal_nan=task.labels.dtype.kind == "f")
    for name in set(task.arrays) - {"labels"}:
        assert np.array_equal(found.arrays[name], task.arrays[name]), name
    assert found.info[BLIND] == task.fingerprint
    assert found.scored == ("train", "valid")


@pytest.mark.parametrize("kind", ALL)
def test_the_task_is_the_same_whatever_its_test_labels(kind: str):
    """But for the fingerprint of the task with them: what a training reads is equal, byte for byte."""
    task = ALL[kind].task()
    labels = task.labels.copy()
    test = task.split("test")
    labels[test] = labels[np.roll(test, 1)]
    assert not np.array_equal(labels, task.labels, equal_nan=labels.dtype.kind == "f")
    other = replace(task, arrays={**task.arrays, "labels": labels}).finish()
    for name in task.arrays:
        assert blind(task).arrays[name].tobytes() == blind(other).arrays[name].tobytes(), name


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("method", [None, "kd"])
def test_a_training_is_the_same_and_has_no_test_score(kind: str, method: str | None):
    training = Training(kind, method)
    expected = training.run()
    found = training.run(choose.create(blind(ALL[kind].task()), CPU, "all", training.settings))
    scores = expected["outcome"].scores
    assert found["outcome"].scores == {part: scores[part] for part in ("train", "valid")}
    found["outcome"].scores = scores
    assert_same(found, expected)


def test_a_blind_task_with_a_test_label_is_refused():
    task = blind(make_tiny_task())
    labels = task.labels.copy()
    labels[task.split("test")[0]] = 0
    with pytest.raises(UserError, match=r"tiny@blind: split/test: a blind task must not hold a test label"):
        replace(task, arrays={**task.arrays, "labels": labels}).finish()


def test_other_tasks_still_need_theirs():
    task = make_tiny_task()
    labels = task.labels.copy()
    labels[task.split("test")] = ABSENT
    with pytest.raises(UserError, match=r"tiny: split/test: labels must lie in 0\.\.2"):
        replace(task, arrays={**task.arrays, "labels": labels}).finish()


def test_few_labels_come_before_the_blinding():
    """The fingerprint is that of the variant whose test labels are removed."""
    task = make_tiny_task()
    found = Variant(2, True, blind=True).apply(task).finish()
    assert found.name == "tiny@2,inductive,blind"
    assert len(found.split("train")) == 6
    assert found.info[BLIND] == Variant(2, True).apply(task).finish().fingerprint
