"""Graph-level tasks: the feed's mini-batches, and training from teacher to student."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import methods
from methods.contract import Signals
from tests.unit.tiny_molecules import FACTS, GRAPHS, MODELS, make_network, make_task
from workflow import catalog
from workflow.config import training_defaults
from workflow.models import sizes
from workflow.models.model import Dropout, create
from workflow.models.molecules import Collection
from workflow.task import SPLITS, Task
from workflow.training.block import Block
from workflow.training.feeds import choose
from workflow.training.feeds import graph as graph_feed
from workflow.training.loop import evaluate, fit, supervised_loss
from workflow.training.measuring import measure
from workflow.training.seeds import Streams

CPU = torch.device("cpu")
STILL = Dropout(None)
SETTINGS = training_defaults() | {"epochs": 3, "batch_size": 8}


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Task:
    """The task `tiny-molecules`, which the catalogue knows during the test."""
    known = catalog._owners()
    monkeypatch.setattr(catalog, "_owners", lambda: {**known, "tiny-molecules": ("tiny", FACTS)})
    return make_task()


def make_feed(task: Task, distill_on: str = "train", **changes) -> graph_feed.GraphBatches:
    return choose.create(task, CPU, distill_on, SETTINGS | changes)


def make_knowledge(task: Task, widths: tuple[int, ...] = (12, 12, 12)) -> Signals:
    generator = torch.Generator().manual_seed(5)
    nodes = int(task.arrays["node_pointers"][-1])
    hidden = tuple(torch.randn(nodes, width, generator=generator).half() for width in widths)
    return Signals(torch.randn(GRAPHS, 2, generator=generator), hidden)


@pytest.mark.parametrize("model", MODELS)
def test_other_graphs_of_a_batch_change_no_answer(model, task, monkeypatch):
    network, feed = make_network(model).eval(), make_feed(task)
    whole = feed.predict(network)
    monkeypatch.setattr(graph_feed, "ANSWERED_AT_ONCE", 7)
    torch.testing.assert_close(feed.predict(network), whole, rtol=1e-4, atol=1e-5)
    for part, ids in feed.split.items():
        torch.testing.assert_close(feed.predict(network, part), whole[ids], rtol=1e-4, atol=1e-5)
    shuffled = torch.randperm(GRAPHS)
    there = network(feed.collection.batch(shuffled), STILL).logits
    torch.testing.assert_close(there, whole[shuffled], rtol=1e-4, atol=1e-5)


# --- the feed -------------------------------------------------------------------------------------------------------


def recognisable(task: Task) -> Signals:
    """Logits tell the graph, hidden rows tell node and layer."""
    nodes = torch.arange(float(task.arrays["node_pointers"][-1]))
    hidden = tuple(torch.stack([nodes, torch.full_like(nodes, layer)], 1).half() for layer in range(2))
    return Signals(torch.arange(float(GRAPHS))[:, None].expand(-1, 2), hidden)


def test_every_epoch_meets_every_training_graph_once_in_a_new_order(task):
    steps = make_feed(task).steps(Streams(3, "student", CPU), recognisable(task))
    first, second = ([step.teacher.logits[:, 0].tolist() for step in next(steps)] for _ in range(2))
    for epoch in (first, second):
        assert sorted(graph for step in epoch for graph in step) == task.split("train").tolist()
    assert first != second
    assert [len(step) for step in first] == [7, 7, 6]


@pytest.mark.parametrize("size", [1, 2])
def test_no_batch_is_a_single_graph(task, size):
    """Batch norm over graphs needs two."""
    feed = choose.create(task, CPU, "train", training_defaults() | {"batch_size": size})
    steps = list(next(iter(feed.steps(Streams(0, "student", CPU)))))
    assert min(len(step.labels) for step in steps) >= 2


def test_teacher_rows_are_those_of_the_batch(task):
    """Rows that name their graph, node and layer must meet the student's inputs at the same place."""
    arrays = task.arrays
    for distill_on in ("train", "all"):
        feed = make_feed(task, distill_on)
        for step in next(feed.steps(Streams(0, "student", CPU), recognisable(task))):
            graphs = step.teacher.logits[:, 0].long()
            nodes = step.teacher.hidden[-1][:, 0].long().numpy()
            assert step.teacher.hidden[0].dtype == torch.float32
            assert [layer[0, 1] for layer in step.teacher.hidden] == [0, 1]
            of_node = np.searchsorted(arrays["node_pointers"], nodes, side="right") - 1
            assert of_node.tolist() == graphs[step.batch.graph].tolist()
            columns = step.inputs.atoms.rows[step.inputs.atoms.code]
            assert columns.tolist() == arrays["features"][nodes].tolist()
            ours = set(map(tuple, nodes[step.batch.edge_index.numpy()].T.tolist()))
            kept = np.isin(arrays["edge_index"][0], nodes)
            assert ours == set(map(tuple, arrays["edge_index"][:, kept].T.tolist()))
            labels = torch.from_numpy(arrays["labels"])[graphs]
            torch.testing.assert_close(step.labels, labels[: len(step.labels)], equal_nan=True)


def test_distilling_on_all_graphs_hides_their_labels(task):
    train = set(task.split("train").tolist())
    seen = []
    for step in next(make_feed(task, "all").steps(Streams(0, "student", CPU), recognisable(task))):
        graphs = step.teacher.logits[:, 0].long().tolist()
        seen += graphs
        assert {graphs[row] for row in step.labeled.tolist()} == train & set(graphs)
        for row, graph in enumerate(graphs):
            if graph not in train:
                assert step.batch.labels[row].isnan().all()
    assert sorted(seen) == list(range(GRAPHS))


def test_both_choices_train_on_the_same_labeled_graphs(task):
    """`distill_on` must change the distillation terms only, not the order of the supervised graphs."""
    one, other = (
        [step.labels for step in next(make_feed(task, on).steps(Streams(0, "student", CPU), recognisable(task)))]
        for on in ("train", "all")
    )
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, equal_nan=True)


@pytest.mark.parametrize("objective", ["binary", "regression"])
def test_unmeasured_labels_do_not_count(objective):
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.tensor([[1.0, torch.nan, 0.0], [torch.nan] * 3, [0.0, 0.0, 1.0], [torch.nan, 1.0, torch.nan]])
    measured = ~labels.isnan()
    plain = {"binary": torch.nn.BCEWithLogitsLoss(), "regression": torch.nn.MSELoss()}[objective]
    loss = supervised_loss(logits, labels, objective)
    torch.testing.assert_close(loss, plain(logits[measured], labels[measured]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert not gradient[~measured].any()
    assert gradient[measured].all()
    nothing = supervised_loss(logits, torch.full_like(labels, torch.nan), objective)
    assert nothing.item() == 0
    assert not torch.autograd.grad(nothing, logits)[0].any()


# --- training -------------------------------------------------------------------------------------------------------


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
    before = {name: p.detach().clone() for name, p in built.named_parameters() if p.requires_grad}
    outcome = fit(network, feed, streams, SETTINGS | {"epochs": 1}, built, knowledge)
    assert outcome.status == "ok", outcome.reason
    for name, parameter in built.named_parameters():
        assert name not in before or not torch.equal(parameter, before[name]), f"{name} did not move"


def specs(method: str = "kd") -> tuple[dict, dict]:
    teacher_model = {"model": "gine", "layers": 3, "width": 12, "dropout": 0.1}
    student_model = {"model": "mol_gin", "layers": 2, "width": 4, "dropout": 0.1}
    params = sizes.measure(teacher_model, FACTS).params
    teacher = {
        "dataset": "tiny-molecules",
        "teacher": "gine-3x12",
        "model": teacher_model,
        "training": SETTINGS,
        "params": params,
        "params_with_embeddings": params,
    }
    student = {
        "dataset": "tiny-molecules",
        "teacher": "gine-3x12",
        "teacher_params": params,
        "teacher_params_with_embeddings": params,
        "student": "mol-gin-2x4",
        "student_params": 100,
        "student_params_with_embeddings": 100,
        "ratio_target": None,
        "model": student_model,
        "training": SETTINGS,
        "method": method,
        "method_id": method,
        "hyperparameters": {},
        "distill_on": "all",
    }
    return teacher, student


def teach(folder: Path, task: Task) -> Path:
    task.save(folder / "task")
    Block(specs()[0], folder / "task", folder / "teacher", "cpu", 1).teach([0, 1])
    return folder


@pytest.fixture
def taught(tmp_path, task):
    """A folder with the task and two taught teachers."""
    return teach(tmp_path, task)


def test_from_teacher_to_student(taught):
    for method in ("kd", "gcrd", "lsp"):
        for again in ("", "-again"):
            Block(specs(method)[1], taught / "task", taught / (method + again), "cpu", 1).distill(
                [0, 1], [taught / "teacher"]
            )
        rows, repeated = (json.loads((taught / f / "rows.json").read_text()) for f in (method, method + "-again"))
        assert [row["status"] for row in rows] == ["ok", "ok"], rows
        for row, same in zip(rows, repeated, strict=True):
            assert (row["task"], row["metric"]) == ("graph", "rocauc")
            assert [row[part] for part in SPLITS] == [same[part] for part in SPLITS]


def test_a_method_that_finds_itself_inapplicable_is_skipped_with_its_reason(taught):
    spec = specs("stride")[1] | {"hyperparameters": {"structure": "lsp"}}
    Block(spec, taught / "task", taught / "stride", "cpu", 1).distill([0], [taught / "teacher"])
    (row,) = json.loads((taught / "stride" / "rows.json").read_text())
    assert row["status"] == "skipped" and "not defined for graph tasks" in row["reason"], row


def test_saved_weights_reproduce_the_reported_scores(taught):
    Block(specs()[1], taught / "task", taught / "kd", "cpu", 1).distill([1], [taught / "teacher"])
    for folder, spec, index in (("teacher", specs()[0], 1), ("kd", specs()[1], 0)):
        block = Block(spec, taught / "task", taught / "again", "cpu", 1)
        row = json.loads((taught / folder / "rows.json").read_text())[index]
        network = create(spec["model"], FACTS)
        network.load_state_dict(load_file(taught / folder / "weights" / "seed~1.safetensors"))
        assert evaluate(network, block.feed) == {part: row[part] for part in SPLITS}


def test_saved_knowledge_is_that_of_the_saved_weights(tmp_path, task, monkeypatch):
    monkeypatch.setattr(graph_feed, "ANSWERED_AT_ONCE", 11)
    taught = teach(tmp_path, task)
    network = create(specs()[0]["model"], FACTS)
    network.load_state_dict(load_file(taught / "teacher" / "weights" / "seed~0.safetensors"))
    saved = load_file(taught / "teacher" / "knowledge" / "seed~0.safetensors")
    signals = network.eval()(make_feed(task).collection.batch(torch.arange(GRAPHS)), STILL)
    torch.testing.assert_close(saved["logits"], signals.logits, rtol=1e-4, atol=1e-5)
    for layer, expected in enumerate(signals.hidden):
        kept = saved[f"hidden.{layer}"]
        assert kept.dtype == torch.float16
        torch.testing.assert_close(kept.float(), expected, rtol=1e-3, atol=1e-3)


def test_huge_hidden_states_stay_finite(task):
    network, feed = make_network("mol_gin"), make_feed(task)
    with torch.no_grad():
        network.norms[0].weight.fill_(1e30)
        knowledge = feed.knowledge(network.eval())
    assert all(bool(layer.isfinite().all()) for layer in knowledge.hidden)


def test_measuring_answers_for_all_graphs(taught, monkeypatch):
    monkeypatch.setattr("workflow.training.measuring.REPEATS", 2)
    monkeypatch.setattr(catalog, "facts", lambda name: FACTS)
    network = {"name": "n", "role": "student", "ratio_target": 2.0, "model": specs()[1]["model"]}
    (row,) = measure([network], taught / "task", "cpu", 1)
    collection = Collection(make_task().arrays, np.arange(3))
    encoder, layers, head = len(collection.atoms.rows) * 3 * 4, collection.nodes * 2 * (4 * 4 + 4 * 4), GRAPHS * 4 * 2
    assert row["macs"] == encoder + layers + head
    assert row["latency_ms_median"] > 0
