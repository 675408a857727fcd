"""Mini-batches of graphs, and the teacher's rows that go with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.workflow.models.tiny_graph import STILL
from tests.workflow.tiny_molecules import GRAPHS, MODELS, make_network
from tests.workflow.training.feeds.tiny_graphs import CPU, make_feed, recognisable
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.feeds import graph as graph_feed
from workflow.training.loop import supervised_loss
from workflow.training.seeds import Streams


@pytest.fixture
def task(tiny_molecules_task: Task) -> Task:
    return tiny_molecules_task


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
    feed = choose.create(task, CPU, "train", TrainingSettings(batch_size=size))
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
        assert set(graphs[step.labeled]) == train & set(graphs)
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


def test_huge_hidden_states_stay_finite(task):
    network, feed = make_network("mol_gin"), make_feed(task)
    with torch.no_grad():
        network.norms[0].weight.fill_(1e30)
        knowledge = feed.knowledge(network.eval())
    assert all(bool(layer.isfinite().all()) for layer in knowledge.hidden)


def test_training_graphs_without_a_label_are_distilled(task):
    """`labels_per_class` takes graphs out of the training split: `distill_on: all` still meets them."""
    fewer = replace(task, arrays={**task.arrays, "split/train": task.split("train")[:6]})
    feed = make_feed(fewer, "all", batch_size=9)  # or they would come in several steps: see `shares`
    steps = list(next(feed.steps(Streams(0, "student", CPU), recognisable(task))))
    assert sorted(int(graph) for step in steps for graph in step.teacher.logits[:, 0]) == list(range(GRAPHS))
    assert sum(len(step.labels) for step in steps) == 6
    assert not len(make_feed(fewer, "train").rest)
