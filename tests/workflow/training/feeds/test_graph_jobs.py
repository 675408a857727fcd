"""Training on graph-level tasks, from teacher to student."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import methods
from methods.rehearsal import begun
from reports.rows import Role
from tests.workflow.models.tiny_graph import STILL
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.tiny_molecules import FACTS, GRAPHS, make_network, make_task
from tests.workflow.training.feeds.tiny_graphs import CPU, SETTINGS, make_feed, make_knowledge, recognisable
from tests.workflow.training.jobs import block, rows, train
from workflow import catalog
from workflow.models import sizes
from workflow.models.model import create
from workflow.models.molecules import Collection
from workflow.specs import CellSpec, MeasuredNetwork, TeacherSpec, TrainingSettings
from workflow.task import SPLITS, Task
from workflow.training.feeds import graph as graph_feed
from workflow.training.loop import evaluate, fit
from workflow.training.measuring import measure
from workflow.training.records import Records
from workflow.training.seeds import Streams


@pytest.fixture
def task(tiny_molecules_task: Task) -> Task:
    return tiny_molecules_task


def test_same_batches_for_every_method(task):
    """Methods that sample, or have heads, must not shift the order of the graphs."""
    orders = {}
    for method in methods.available():
        feed, streams = make_feed(task), Streams(3, "student", CPU)
        network = make_network("mol_gin", layers=2)
        knowledge = recognisable(task)
        if methods.skip(method, task, knowledge.shape, network.shape):
            continue
        with streams.globally("heads"):
            built = methods.create(method, teacher=knowledge.shape, student=network.shape)
            begun(built, feed.taught, len(knowledge.last))
        seen = []
        steps = feed.steps(streams, knowledge)
        for epoch in (next(steps), next(steps)):
            for step in epoch:
                seen.append(step.teacher.logits[:, 0].tolist())
                built(network(step.inputs, STILL), step.teacher, step.batch)
                torch.rand(len(method), generator=step.batch.generator)  # as a method that samples would draw
        orders[method] = seen
    assert len(orders) > 5
    for method, seen in orders.items():
        assert seen == orders["supervised"], method


@pytest.mark.parametrize("objective", ["binary", "regression"])
@pytest.mark.parametrize("method", methods.available())
def test_every_method_trains_or_says_why_not(method, objective):
    task = make_task(objective)
    feed, streams = make_feed(task, "all"), Streams(0, "student", CPU)
    network, knowledge = make_network("mol_gcn", layers=2, width=4), make_knowledge(task)
    reason = methods.skip(method, task, knowledge.shape, network.shape)
    if reason:
        assert objective in reason or "graph" in reason
        return
    with streams.globally("heads"):
        built = methods.create(method, teacher=knowledge.shape, student=network.shape)
        begun(built, feed.taught, len(knowledge.last))
    before = {name: p.detach().clone() for name, p in built.named_parameters() if p.requires_grad}
    outcome = fit(network, feed, streams, SETTINGS.changed(TrainingSettings(epochs=1)), built, knowledge)
    assert outcome.status == "ok", outcome.reason
    for name, parameter in built.named_parameters():
        assert name not in before or not torch.equal(parameter, before[name]), f"{name} did not move"


def specs(method: str = "kd") -> tuple[TeacherSpec, CellSpec]:
    teacher_model = {"model": "gine", "layers": 3, "width": 12, "dropout": 0.1}
    student_model = {"model": "mol_gin", "layers": 2, "width": 4, "dropout": 0.1}
    params = sizes.measure(teacher_model, FACTS).params
    teacher = teacher_spec("tiny-molecules", "gine-3x12", teacher_model, SETTINGS, params)
    return teacher, cell_spec(teacher, "mol-gin-2x4", student_model, method, 100, distill_on="all")


def teach(folder: Path, task: Task) -> Path:
    task.save(folder / "task")
    train(specs()[0], folder, "teacher", [0, 1])
    return folder


@pytest.fixture
def taught(tmp_path, task):
    """A folder with the task and two taught teachers."""
    return teach(tmp_path, task)


def test_from_teacher_to_student(taught):
    for method in ("kd", "gcrd+mugsi+srrl", "lsp"):
        first, repeated = (rows(train(specs(method)[1], taught, method + again, [0, 1])) for again in ("", "-again"))
        assert [row["status"] for row in first] == ["ok", "ok"], first
        for row, same in zip(first, repeated, strict=True):
            assert (row["task"], row["metric"]) == ("graph", "rocauc")
            assert [row[part] for part in SPLITS] == [same[part] for part in SPLITS]


def test_a_method_that_finds_itself_inapplicable_is_skipped_with_its_reason(taught):
    spec = specs("stride")[1].model_copy(update={"hyperparameters": {"structure": "lsp"}})
    (row,) = rows(train(spec, taught, "stride", [0]))
    assert row["status"] == "skipped" and "not defined for graph tasks" in row["reason"], row


def test_saved_weights_reproduce_the_reported_scores(taught):
    train(specs()[1], taught, "kd", [1])
    for folder, spec in (("teacher", specs()[0]), ("kd", specs()[1])):
        row = Records(taught / folder).read(1).row.model_dump()
        network = create(spec.model, FACTS)
        network.load_state_dict(load_file(taught / folder / "weights" / "seed~1.safetensors"))
        assert evaluate(network, block(spec, taught, "again").feed) == {part: row[part] for part in SPLITS}


def test_saved_knowledge_is_that_of_the_saved_weights(tmp_path, task, monkeypatch):
    monkeypatch.setattr(graph_feed, "ANSWERED_AT_ONCE", 11)
    taught = teach(tmp_path, task)
    network = create(specs()[0].model, FACTS)
    network.load_state_dict(load_file(taught / "teacher" / "weights" / "seed~0.safetensors"))
    saved = load_file(taught / "teacher" / "knowledge" / "seed~0.safetensors")
    signals = network.eval()(make_feed(task).collection.batch(torch.arange(GRAPHS)), STILL)
    torch.testing.assert_close(saved["logits"], signals.logits, rtol=1e-4, atol=1e-5)
    for layer, expected in enumerate(signals.hidden):
        kept = saved[f"hidden.{layer}"]
        assert kept.dtype == torch.float16
        torch.testing.assert_close(kept.float(), expected, rtol=1e-3, atol=1e-3)


def test_measuring_answers_for_all_graphs(taught, monkeypatch):
    monkeypatch.setattr("workflow.training.measuring.REPEATS", 2)
    monkeypatch.setattr(catalog, "facts", lambda name: FACTS)
    network = MeasuredNetwork(name="n", role=Role.STUDENT, ratio_target=2.0, model=specs()[1].model)
    (row,) = measure([network], taught / "task", torch.device("cpu"))
    collection = Collection(make_task().arrays, np.arange(3))
    encoder, layers, head = len(collection.atoms.rows) * 3 * 4, collection.nodes * 2 * (4 * 4 + 4 * 4), GRAPHS * 4 * 2
    sums = (2 * make_task().arrays["edge_index"].shape[1] + collection.nodes) * 4  # over edges twice, over nodes once
    assert row.macs == encoder + layers + sums + head
    assert row.latency_ms_median > 0
