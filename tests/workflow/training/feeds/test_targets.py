"""Node tasks with binary targets or numbers: what a step, a method and a score see, against slow and obvious ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import methods
from methods.contract import Signals
from tests.conftest import TINY
from tests.workflow import tiny_hetero, tiny_targets
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.training.conftest import CPU
from tests.workflow.training.jobs import rows, train
from workflow import catalog
from workflow.models import sizes
from workflow.models.model import create
from workflow.specs import CellSpec, Network, TeacherSpec, TrainingSettings
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.feeds.step import Needs, Step
from workflow.training.loop import evaluate, supervised_loss
from workflow.training.seeds import Streams
from workflow.variants import Variant

SAGE, RGCN = {"model": "sage", "layers": 2, "width": 6}, {"model": "rgcn", "layers": 2, "width": 6, "embedding": 4}
FULL = TrainingSettings(epochs=30, walk_length=2)
NEIGHBOUR = FULL.changed(TrainingSettings(sampler="neighbour", epochs=8, batch_size=12, fan_out=[4, 3]))
SAINT = FULL.changed(TrainingSettings(sampler="saint", roots=12, steps_per_epoch=3))
FEEDS: dict[str, tuple[Callable[[str], Task], Any, Network, TrainingSettings]] = {
    "full": (tiny_targets.make_task, TINY, SAGE, FULL),
    "neighbour": (tiny_targets.make_task, TINY, SAGE, NEIGHBOUR),
    "heterogeneous": (tiny_targets.make_hetero_task, tiny_hetero.FACTS, RGCN, FULL),
    "saint": (tiny_targets.make_hetero_task, tiny_hetero.FACTS, RGCN, SAINT),
}
EVERY = pytest.mark.parametrize("feed", FEEDS)
BOTH = pytest.mark.parametrize("objective", ["binary", "regression"])


def knowledge(task: Task) -> Signals:
    """Of which the first logit of a node is its number."""
    logits = torch.randn(len(task.labels), 3, generator=torch.Generator().manual_seed(5))
    logits[:, 0] = torch.arange(float(len(logits)))
    return Signals(logits, (logits.clone(),))


def slow_loss(logits: torch.Tensor, labels: np.ndarray, objective: str) -> torch.Tensor:
    """The mean over measured entries, one by one."""
    each = []
    for z, row in zip(logits, labels, strict=True):
        for value, y in zip(z, row.tolist(), strict=True):
            if math.isnan(y):
                continue
            if objective == "binary":
                each.append(-torch.log(torch.sigmoid(value if y else -value)))
            else:
                each.append((value - y) ** 2)
    return torch.stack(each).mean()


def steps_of(feed: str, task: Task, distill_on: str) -> list[Step]:
    """An epoch's."""
    made = choose.create(task, CPU, distill_on, FEEDS[feed][3], Needs(2, 0, edges=True))
    return list(next(made.steps(Streams(0, "student", CPU), knowledge(task))))


@EVERY
@BOTH
@pytest.mark.parametrize("distill_on", ["train", "all"])
def test_a_step_counts_measured_entries_of_training_nodes(feed: str, objective: str, distill_on: str) -> None:
    task = FEEDS[feed][0](objective)
    train_nodes = set(task.split("train").tolist())
    for step in steps_of(feed, task, distill_on):
        assert step.teacher is not None and step.batch is not None
        nodes = step.teacher.logits[:, 0].long()
        labeled = nodes if step.labeled is None else nodes[step.labeled]
        assert set(labeled.tolist()) <= train_nodes
        torch.testing.assert_close(step.labels, torch.from_numpy(task.labels[labeled.numpy()]), equal_nan=True)
        hidden = torch.tensor([node not in train_nodes for node in nodes.tolist()])
        expected = torch.from_numpy(task.labels[nodes.numpy()])
        expected[hidden] = torch.nan
        torch.testing.assert_close(step.batch.labels, expected, equal_nan=True)
        assert bool(hidden.any()) == (distill_on == "all")
        logits = torch.randn(len(labeled), 3, dtype=torch.float64, requires_grad=True)
        fast, slow = (
            supervised_loss(logits, step.labels.double(), task.objective),
            slow_loss(logits, step.labels.numpy(), objective),
        )
        torch.testing.assert_close(fast, slow)
        torch.testing.assert_close(torch.autograd.grad(fast, logits), torch.autograd.grad(slow, logits))


@EVERY
def test_methods_are_told_the_objective(feed: str) -> None:
    """Soft targets of binary labels are sigmoids: by the softmax they would be other numbers."""
    step = steps_of(feed, FEEDS[feed][0]("binary"), "all")[0]
    assert step.teacher is not None and step.batch is not None
    student = torch.randn(step.teacher.logits.shape, dtype=torch.float64)
    teacher = torch.randn(step.teacher.logits.shape, dtype=torch.float64)
    method = methods.create("kd", teacher=Signals(teacher, ()).shape, student=Signals(student, ()).shape)
    found = method(Signals(student, ()), Signals(teacher, ()), step.batch)["kd"]
    p, q = torch.sigmoid(teacher / 4), torch.sigmoid(student / 4)
    expected = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()
    torch.testing.assert_close(found, 0.9 * 16 * expected)


def slow_score(logits: np.ndarray, labels: np.ndarray, objective: str) -> float:
    """The mean over targets, of measured nodes."""
    each = []
    for z, y in zip(logits.T, labels.T, strict=True):
        known = ~np.isnan(y)
        if objective == "binary":
            each.append(roc_auc_score(y[known], z[known]))
        else:
            each.append(float(np.sqrt(np.mean((z[known] - y[known]) ** 2))))
    return float(np.mean(each))


@EVERY
@BOTH
@pytest.mark.parametrize("inductive", [False, True])
def test_scores_are_those_of_each_target(feed: str, objective: str, inductive: bool) -> None:
    make, facts, network, settings = FEEDS[feed]
    if inductive and facts.kind != "node":
        return
    task = Variant(inductive=inductive).apply(make(objective)).finish()
    made = choose.create(task, CPU, "all", settings, Needs(2))
    torch.manual_seed(0)
    model = create(network, tiny_targets.facts(objective, facts)).eval()
    with torch.no_grad():
        logits = {part: made.predict(model, part).numpy() for part in task.scored}
    order = {part: np.sort(task.split(part)) for part in task.scored}
    expected = {part: slow_score(logits[part], task.labels[order[part]], objective) for part in task.scored}
    assert evaluate(model, made) == pytest.approx(expected, rel=1e-5)


def specs(feed: str, objective: str, method: str = "kd") -> tuple[TeacherSpec, CellSpec]:
    _, facts, network, settings = FEEDS[feed]
    short = settings.changed(TrainingSettings(epochs=3))
    facts, large = tiny_targets.facts(objective, facts), {**network, "width": 16}
    name = f"tiny-{'het-' if facts.kind == 'heterogeneous' else ''}{objective}"
    teacher = teacher_spec(name, "big", large, settings, sizes.measure(large, facts).params)
    params = sizes.measure(network, facts).params
    return teacher, cell_spec(teacher, "small", network, method, params, distill_on="all", training=short)


@pytest.mark.parametrize(
    ("feed", "objective"), [("full", "binary"), ("neighbour", "regression"), ("heterogeneous", "regression")]
)
def test_from_teacher_to_student(feed: str, objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, facts, _, _ = FEEDS[feed]
    monkeypatch.setattr(catalog, "facts", lambda name: tiny_targets.facts(objective, facts))
    task = make(objective)
    task.save(tmp_path / "task")
    taught, _ = rows(train(specs(feed, objective)[0], tmp_path, "teacher", [0, 1]))
    assert taught["status"] == "ok", taught["reason"]
    assert (taught["task"], taught["metric"]) == (facts.kind, tiny_targets.METRICS[objective])
    means = np.nanmean(task.labels[task.split("train")], 0)
    chance = np.tile(means, (len(task.split("test")), 1))
    by_chance = slow_score(chance, task.labels[task.split("test")], objective)
    assert taught["test"] > by_chance + 0.1 if objective == "binary" else taught["test"] < by_chance
    for method in ("kd", "fitnet", "abkd"):
        cell = specs(feed, objective, method)[1]
        found = rows(train(cell, tmp_path, method, [0, 1]))
        assert [row["status"] for row in found] == ["ok", "ok"], found
        (alone,) = rows(train(cell, tmp_path, "alone", [1])) if method == "abkd" else found[1:]
        assert all(found[1][key] == alone[key] for key in ("train", "valid", "test", "cka"))
        for row in found:
            assert (row["agreement"] is None) == (row["nll"] is None) == (objective == "regression")
            assert row["worst_class"] is None and row["cka"] is not None
    (skipped,) = rows(train(specs(feed, objective, "dkd")[1], tmp_path, "dkd", [0]))
    assert (skipped["status"], skipped["reason"]) == ("skipped", f"dkd: not defined for {objective} objectives")
