"""Whole jobs on heterogeneous graphs, from teacher to student."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import methods
from reports.rows import Role
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.tiny_hetero import COUNTS, DEEP, FACTS, FULL, SAINT, SPEC, feed_of, saint_with
from tests.workflow.training.jobs import block, rows, train
from workflow.models import sizes
from workflow.models.model import create
from workflow.specs import MeasuredNetwork, TrainingSettings
from workflow.task import Task
from workflow.training.feeds import heterogeneous
from workflow.training.loop import evaluate
from workflow.training.measuring import measure


@pytest.fixture
def task(tiny_hetero_task: Task) -> Task:
    return tiny_hetero_task


class Bench:
    def __init__(self, folder: Path, task: Task, training: TrainingSettings) -> None:
        self.folder, self.training = folder, training
        task.save(folder / "task")

    def teach(self):
        return rows(train(self.spec, self.folder, "teacher", [0]))

    @property
    def spec(self):
        size = sizes.measure(DEEP, FACTS)
        learned = size.params_with_embeddings - size.params
        return teacher_spec("tiny-het", "rgcn-3x12", DEEP, self.training, size.params, learned)

    def distill(self, method, distill_on="train", name=None):
        size = sizes.measure(SPEC, FACTS)
        learned = size.params_with_embeddings - size.params
        spec = cell_spec(self.spec, "rgcn-2x8", SPEC, method, size.params, learned, distill_on=distill_on)
        return rows(train(spec, self.folder, name or method, [0]))


@pytest.mark.parametrize("distill_on", ["train", "all"])
@pytest.mark.parametrize("training", [FULL, saint_with(walk_length=0)], ids=["full", "saint"])
def test_every_method_distills_and_the_saved_weights_are_the_row(task, tmp_path, training, distill_on):
    bench = Bench(tmp_path, task, training)
    (teacher,) = bench.teach()
    assert teacher["status"] == "ok", teacher["reason"]
    feed = feed_of(task, FULL)
    found = load_file(tmp_path / "teacher" / "knowledge" / "seed~0.safetensors")
    model = create(DEEP, FACTS)
    model.load_state_dict(load_file(tmp_path / "teacher" / "weights" / "seed~0.safetensors"))
    assert torch.equal(found["logits"], feed.predict(model))
    for part, ids in feed.split.items():
        torch.testing.assert_close(feed.predict(model, part), found["logits"][ids])
    with safe_open(tmp_path / "teacher" / "knowledge" / "seed~0.safetensors", "pt") as file:
        assert file.metadata()["fingerprint"] == task.fingerprint
    # Of four runs over all methods two would teach nothing that the others do not.
    some = slice(None) if (training is FULL) == (distill_on == "train") else slice(0, None, 4)
    for method in methods.available()[some]:
        (row,) = bench.distill(method, distill_on)
        assert row["status"] == "ok" or (row["status"] == "skipped" and row["reason"]), (method, row)
        if row["status"] == "ok":
            model = create(SPEC, FACTS)
            model.load_state_dict(load_file(tmp_path / method / "weights" / "seed~0.safetensors"))
            assert evaluate(model, feed) == {part: row[part] for part in ("train", "valid", "test")}


def test_same_seed_same_row_and_both_ratios(task, tmp_path):
    bench = Bench(tmp_path, task, SAINT)
    bench.teach()
    first, second = bench.distill("kd", name="a")[0], bench.distill("kd", name="b")[0]
    assert [first[key] for key in ("train", "valid", "test", "best_epoch")] == [
        second[key] for key in ("train", "valid", "test", "best_epoch")
    ]
    weights = [load_file(tmp_path / name / "weights" / "seed~0.safetensors") for name in "ab"]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    tables = 6 * (COUNTS["author"] + COUNTS["topic"])
    large, small = first["teacher_params"], first["student_params"]
    assert first["ratio"] == large / small
    assert first["ratio_with_embeddings"] == (large + tables) / (small + tables)


def test_walks_are_as_long_as_the_network_is_deep(task, tmp_path):
    task.save(tmp_path / "task")
    for asked, found in ((0, 3), (5, 5)):
        spec = teacher_spec("tiny-het", "t", DEEP, saint_with(walk_length=asked), 10)
        assert block(spec, tmp_path, "out").feed.training.walk_length == found


def test_measurements_count_embeddings_apart(task, tmp_path, monkeypatch):
    monkeypatch.setattr("workflow.training.measuring.REPEATS", 2)
    task.save(tmp_path / "task")
    entry = MeasuredNetwork(name="rgcn-2x8", role=Role.STUDENT, ratio_target=4.0, model=SPEC)
    (row,) = measure([entry], tmp_path / "task", torch.device("cpu"))
    assert row.params_with_embeddings - row.params == 6 * (COUNTS["author"] + COUNTS["topic"])
    assert row.macs > 0
    assert row.latency_ms_median > 0


def test_walks_that_reach_too_few_labels_are_a_row_that_says_so(task, tmp_path, monkeypatch):
    monkeypatch.setattr(heterogeneous, "TRIALS", 0)
    (row,) = Bench(tmp_path, task, saint_with(roots=1, walk_length=1)).teach()
    assert row["status"] == "failed"
    assert "training.roots: 1 walks reach fewer than 2 training nodes" in row["reason"]
