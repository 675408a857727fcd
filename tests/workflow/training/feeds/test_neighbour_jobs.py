"""Whole jobs in mini-batches of nodes, from teacher to student."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import methods
from methods.vocabulary import Extra
from tests.conftest import TINY, make_tiny_task
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.training.conftest import CPU
from tests.workflow.training.jobs import block, rows, train
from workflow.models import sizes
from workflow.models.model import create
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training import feeding
from workflow.training.feeds import choose, neighbour
from workflow.training.feeds.gathered import Partial, places
from workflow.training.feeds.step import Needs
from workflow.training.loop import evaluate
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
        assert "declaring" not in row["reason"], method
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


@pytest.mark.parametrize("distill_on", ["train", "all"])
@pytest.mark.parametrize("sampler", ["neighbour", "full"])
@pytest.mark.parametrize("model", ["mlp", "sage"])
def test_a_method_changes_nothing_of_what_others_learn_from(folder, model, sampler, distill_on):
    """With a weight of 0 it is not there: rows, dropout, batch norms and draws of the student are those of the rest."""
    settings = SETTINGS.changed(TrainingSettings(sampler=sampler, epochs=4))
    spec = teacher_of(training=settings)
    train(spec, folder, "teacher", [0])
    student = {**SMALL, "model": model, "dropout": 0.4, "norm": "batch"}
    params = sizes.measure(student, TINY).params
    pairs = [
        ("supervised", "lsp", {"beta": 0.0}),
        ("supervised", "nosmog", {"alpha": 0.0, "beta": 0.0}),
        ("kd", "kd+lsp", {"lsp": {"beta": 0.0}}),
    ]
    for alone, method, values in pairs:
        cells = [
            cell_spec(spec, "s", student, name, params, distill_on=distill_on, training=settings, hyperparameters=own)
            for name, own in ((alone, {}), (method, values))
        ]
        (first,), (second,) = (train(cell, folder, cell.method, [0]) for cell in cells)
        assert second.row.status == "ok", second.row.reason
        assert [(epoch, valid) for epoch, _, valid in first.history.curve] == [
            (epoch, valid) for epoch, _, valid in second.history.curve
        ]
        assert (first.row.test, first.row.nll) == (second.row.test, second.row.nll)


def test_a_structure_that_reads_edges_is_refused_where_it_would_fade(folder):
    spec = teacher_of()
    train(spec, folder, "teacher", [0])
    for structure, status in (("lsp", "skipped"), ("gsp", "ok")):
        cell = cell_spec(spec, "s", SMALL, "stride", 10, hyperparameters={"structure": structure}, distill_on="all")
        (row,) = rows(train(cell, folder, structure, [0]))
        assert row["status"] == status, row["reason"]
        assert row["reason"] == "" or "without declaring `uses_edges`" in row["reason"]


NARROW, WHOLE = "knowledge/seed~0.safetensors", "knowledge/seed~0.whole.safetensors"
NOISE = f"knowledge/seed~0.{Extra.NOISE_ENTROPY}.safetensors"


def known_rows(task, inductive=False) -> list[int]:
    parts = [task.split("train")] if inductive else [task.split("train"), task.split("test")]
    return sorted(np.concatenate(parts).tolist())


@pytest.mark.parametrize(
    ("method", "distill_on", "whole"),
    [
        ("kd", "train", False),
        ("supervised", "all", False),
        ("kd", "all", True),
        ("lsp", "train", False),
        ("krd-noise", "train", True),
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


SIGN = {"model": "sign", "layers": 2, "width": 6, "hops": 2}


@pytest.mark.parametrize("model", [LARGE, SIGN], ids=["sage", "sign"])
@pytest.mark.parametrize("sampler", ["neighbour", "full"])
def test_what_a_teacher_knows_does_not_rest_on_who_asks(folder, monkeypatch, model, sampler):
    """Whatever is lost, or made for a student alone, is the same bit for bit, however that student is fed."""
    monkeypatch.setattr(neighbour, "FEW", 2.0)
    spec = teacher_of(model, SETTINGS.changed(TrainingSettings(sampler=sampler)))
    train(spec, folder, "teacher", [0])
    found = {"itself": {Path(NARROW).name: load_file(folder / "teacher" / NARROW)}}
    for own in ("neighbour", "full"):
        for network in ({"model": "mlp", "layers": 2, "width": 8}, SMALL, SIGN):
            place = folder / f"{own}-{network['model']}"
            for name in ("task", "teacher"):
                shutil.copytree(folder / name, place / name)
            (place / "teacher" / NARROW).unlink()
            training, other = SETTINGS.changed(TrainingSettings(sampler=own)), None if sampler == own else sampler
            cell = cell_spec(spec, "s", network, "krd-noise", 10, training=training, teacher_sampler=other)
            (row,) = rows(train(cell, place, "student", [0]))
            assert row["status"] == "ok", row["reason"]
            files = (place / "teacher" / "knowledge").glob("*.safetensors")
            found[place.name] = {path.name: load_file(path) for path in files}
    made = {name: files for name, files in found.items() if len(files) > 1}
    assert len(made) == 6
    (first, *others) = made.values()
    assert set(first) == {Path(name).name for name in (NARROW, *([WHOLE] if sampler == "neighbour" else []), NOISE)}
    for files in (found["itself"], *others):
        for name, parts in files.items():
            assert all(torch.equal(first[name][part], value) for part, value in parts.items()), name


@pytest.mark.parametrize("method", ["supervised", "kd", "fitnet"])
@pytest.mark.parametrize("inductive", [False, True])
def test_a_student_of_the_whole_graph_finds_its_rows_among_the_few_that_are_kept(
    tmp_path, monkeypatch, method, inductive
):
    """As where all are kept; the teacher trains in mini-batches, the student does not."""
    monkeypatch.setattr("workflow.catalog.facts", lambda name: TINY)
    found = []
    for few in (2.0, 0.0):
        monkeypatch.setattr(neighbour, "FEW", few)
        place = tmp_path / str(few)
        Variant(inductive=inductive).apply(make_tiny_task()).save(place / "task")
        spec = teacher_of()
        train(spec, place, "teacher", [0])
        full = {"training": TrainingSettings(epochs=4), "teacher_sampler": "neighbour"}
        (row,) = rows(train(cell_spec(spec, "s", SMALL, method, 10, **full), place, "student", [0]))
        assert row["status"] == "ok", row["reason"]
        found.append(row)
    scores = ("valid", "test", "nll") if inductive else ("valid", "test", "nll", "agreement", "kl_to_teacher", "cka")
    for score in scores:
        assert found[0][score] == pytest.approx(found[1][score], rel=1e-3), score


def test_a_teachers_own_feed_is_made_where_something_is_lost_alone(folder, monkeypatch):
    """A student in mini-batches must not hold the whole graph because its teacher did."""
    spec, made = teacher_of(training=SETTINGS.changed(TrainingSettings(sampler="full"))), []
    train(spec, folder, "teacher", [0])
    real = feeding.of_teacher
    monkeypatch.setattr(feeding, "of_teacher", lambda *told: (made.append(1), real(*told))[1])
    cell = cell_spec(spec, "s", SMALL, "krd-noise", 10, training=SETTINGS, teacher_sampler="full")
    train(cell, folder, "first", [0])
    assert made == [1], "for the noise"
    train(cell, folder, "second", [0])
    assert made == [1]


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


@pytest.mark.parametrize("inductive", [False, True])
@pytest.mark.parametrize("model", [SMALL, {"model": "mlp", "layers": 2, "width": 5}, WITH_LABELS])
def test_scores_are_those_of_an_answer_for_all_nodes(monkeypatch, model, inductive):
    """Of a graph with nodes that are in no part of the split."""
    task = make_tiny_task()
    arrays = {**task.arrays, "split/test": task.split("test")[::2], "split/valid": task.split("valid")[::3]}
    task = Variant(inductive=inductive).apply(dataclasses.replace(task, arrays=arrays))
    network = create(model, TINY)
    found = []
    for few in (0.0, 2.0):
        monkeypatch.setattr(neighbour, "FEW", few)
        feed = choose.create(task, CPU, "train", SETTINGS, Needs(network.reach))
        answers = feed.predict(network.eval())
        assert len(answers) == (len(task.labels) if few == 0 else sum(len(task.split(part)) for part in task.scored))
        found.append([answers[feed.units(part)[0]] for part in task.scored] + [evaluate(network, feed)])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)
