"""Whole jobs in mini-batches of nodes, from teacher to student."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import methods
from tests.conftest import TINY, make_tiny_task
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.training.jobs import block, rows, train
from workflow.models import sizes
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds import neighbour
from workflow.training.feeds.gathered import Partial, places
from workflow.variants import Variant

SETTINGS = TrainingSettings(sampler="neighbour", batch_size=12, fan_out=[4, 3], epochs=2)
LARGE = {"model": "sage", "layers": 3, "width": 12}
SMALL = {"model": "sage", "layers": 2, "width": 8}
WITH_LABELS = {"model": "gat", "layers": 2, "width": 3, "heads": 2, "labels_as_input": True}
MACHINE = {"seconds", "peak_memory_mb"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    make_tiny_task().save(tmp_path / "task")
    monkeypatch.setattr("workflow.catalog.facts", lambda name: TINY)
    return tmp_path


def teacher_of(model=LARGE, training=SETTINGS):
    return teacher_spec("tiny", "t", model, training, sizes.measure(model, TINY).params)


@pytest.mark.parametrize("distill_on", ["train", "all"])
def test_every_method_distills_on_drawn_graphs(folder, distill_on):
    spec = teacher_of()
    (taught,) = rows(train(spec, folder, "teacher", [0]))
    assert taught["status"] == "ok", taught["reason"]
    known = load_file(folder / "teacher" / "knowledge" / "seed~0.safetensors")
    assert known["hidden.0"].dtype == torch.float16
    assert known["logits"].dtype == torch.float32
    params = sizes.measure(SMALL, TINY).params
    for method in methods.available():
        cell = cell_spec(spec, "s", SMALL, method, params, distill_on=distill_on)
        (row,) = rows(train(cell, folder, method, [0]))
        assert row["status"] == "ok" or (row["status"] == "skipped" and row["reason"]), (method, row["reason"])
        if method == "kd":
            again = rows(train(cell, folder, "again", [0]))[0]
            assert [again[part] for part in ("train", "valid", "test")] == [
                row[part] for part in ("train", "valid", "test")
            ]


@pytest.mark.parametrize("inductive", [False, True])
@pytest.mark.parametrize("sampler", ["neighbour", "full"])
@pytest.mark.parametrize(
    "model", [LARGE, {"model": "gat", "layers": 2, "width": 3, "heads": 2, "labels_as_input": True}]
)
def test_a_graph_with_64_bit_pointers_trains_bit_for_bit_the_same(tmp_path, monkeypatch, sampler, model, inductive):
    """What would have 2^31 edges, by a threshold of three."""
    monkeypatch.setattr("workflow.catalog.facts", lambda name: TINY)
    spec = teacher_of(model, SETTINGS.changed(TrainingSettings(sampler=sampler)))
    cell = cell_spec(spec, "s", SMALL, "lsp", 10, distill_on="all")
    found = []
    for bits, most in ((32, 2**31 - 1), (64, 3)):
        monkeypatch.setattr("workflow.arrays.MOST_EDGES", most)
        folder = tmp_path / str(bits)
        Variant(inductive=inductive).apply(make_tiny_task()).save(folder / "task")
        assert Task.load(folder / "task").arrays["pointers"].dtype == f"int{bits}"
        (teacher,), (student,) = train(spec, folder, "teacher", [0]), train(cell, folder, "student", [0])
        scores = {key: value for key, value in student.row.model_dump().items() if key not in MACHINE}
        found.append((teacher.knowledge, scores, student.history))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("model", "method", "reach", "edges"),
    [(SMALL, "kd", 2, False), (SMALL, "lsp", 2, True), ({**SMALL, "model": "mlp"}, "kd+lsp", 0, True)],
)
def test_a_job_draws_what_its_network_sees_and_its_method_reads(folder, model, method, reach, edges):
    spec = cell_spec(teacher_of(), "s", model, method, 10, taught=True)
    feed = block(spec, folder, "out").feed
    assert feed.edges == edges
    assert len(feed.fan_out) == max(reach, int(edges))


NARROW, WHOLE = "knowledge/seed~0.safetensors", "knowledge/seed~0.whole.safetensors"


def known_rows(task, inductive=False) -> list[int]:
    parts = [task.split("train")] if inductive else [task.split("train"), task.split("test")]
    return sorted(np.concatenate(parts).tolist())


@pytest.mark.parametrize(
    ("method", "distill_on", "whole"),
    [
        ("kd", "train", False),
        ("supervised", "all", False),
        ("kd", "all", True),
        ("lsp", "train", True),
        ("krd", "train", True),
    ],
)
def test_a_student_reads_the_few_rows_that_are_kept_or_has_all_made(folder, monkeypatch, method, distill_on, whole):
    found = {}
    for name, few in (("kept", 2.0), ("all", 0.0)):
        monkeypatch.setattr(neighbour, "FEW", few)
        place = folder / name
        shutil.copytree(folder / "task", place / "task")
        spec = teacher_of()
        train(spec, place, "teacher", [0])
        cell = cell_spec(spec, "s", SMALL, method, 10, distill_on=distill_on, taught=method != "supervised")
        found[name] = rows(train(cell, place, "student", [0]))[0]
        assert found[name]["status"] == "ok", found[name]["reason"]
        assert (place / "teacher" / WHOLE).exists() == (whole and name == "kept")
    kept = load_file(folder / "kept" / "teacher" / NARROW)
    every = load_file(folder / "all" / "teacher" / NARROW)
    assert kept["nodes"].tolist() == known_rows(make_tiny_task())
    for layer in every:
        torch.testing.assert_close(kept[layer], every[layer][kept["nodes"]], atol=1e-3, rtol=1e-3)
    for score in ("test", "agreement", "kl_to_teacher", "cka", "nll"):
        assert found["kept"][score] == pytest.approx(found["all"][score], rel=1e-3), score


def test_rows_that_are_lost_are_made_again(folder, monkeypatch):
    monkeypatch.setattr(neighbour, "FEW", 2.0)
    spec = teacher_of()
    train(spec, folder, "teacher", [0])
    cell = cell_spec(spec, "s", SMALL, "lsp", 10)
    before = train(cell, folder, "before", [0])[0]
    kept = load_file(folder / "teacher" / NARROW)
    (folder / "teacher" / NARROW).unlink()
    (folder / "teacher" / WHOLE).write_bytes(b"damaged")
    after = train(cell, folder, "after", [0])[0]
    again = load_file(folder / "teacher" / NARROW)
    assert all(torch.equal(again[name], values) for name, values in kept.items())
    assert (before.row.test, before.history) == (after.row.test, after.history)


def test_an_inductive_teacher_keeps_no_test_node(tmp_path, monkeypatch):
    monkeypatch.setattr("workflow.catalog.facts", lambda name: TINY)
    monkeypatch.setattr(neighbour, "FEW", 2.0)
    task = Variant(inductive=True).apply(make_tiny_task())
    task.save(tmp_path / "task")
    spec = teacher_of()
    train(spec, tmp_path, "teacher", [0])
    assert load_file(tmp_path / "teacher" / NARROW)["nodes"].tolist() == known_rows(task, inductive=True)
    (row,) = rows(train(cell_spec(spec, "s", SMALL, "kd", 10), tmp_path, "student", [0]))
    assert (row["status"], row["agreement"]) == ("ok", None)


def test_rows_that_nobody_kept_are_not_read():
    partial = Partial(torch.arange(6.0).view(3, 2), (), torch.tensor([2, 5, 7]))
    assert places(partial, torch.tensor([7, 2])).tolist() == [2, 0]
    for missing in ([3], [2, 8], [0]):
        with pytest.raises(LookupError):
            places(partial, torch.tensor(missing))
