"""What the feed of a node task gives: the task's order, visible labels alone, edges among the rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.contract import Signals
from tests.conftest import TINY, make_tiny_task
from tests.workflow import tiny_hetero
from tests.workflow.training.conftest import CPU
from tests.workflow.training.trainings import KINDS, Training
from workflow.models.graph import Graph
from workflow.models.model import Dropout, create
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.loop import evaluate, fit
from workflow.training.seeds import Streams
from workflow.variants import Variant


def test_methods_never_see_labels_outside_the_training_split(tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    streams = Streams(0, "student", CPU)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12),))
    batch = next(feed.steps(streams, knowledge))[0].batch
    train = np.isin(feed.order.numpy(), tiny_task.split("train"))
    assert (batch.labels[~train] == -1).all()
    assert (batch.labels[train] == torch.as_tensor(tiny_task.labels[feed.order.numpy()[train]])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_methods_compute_in_float32_whatever_is_kept(kind):
    """A teacher in mini-batches keeps its hidden states in float16; its student may take the whole graph at once."""
    training = Training(kind)
    feed = training.feed()
    known = KINDS[kind].knowledge(feed.task)
    halves = Signals(known.logits, tuple(layer.half() for layer in known.hidden))
    step = next(iter(next(feed.steps(Streams(0, "student", CPU), halves))))
    assert {layer.dtype for layer in (step.teacher.logits, *step.teacher.hidden)} == {torch.float32}
    exact = next(iter(next(feed.steps(Streams(0, "student", CPU), known))))
    torch.testing.assert_close(list(step.teacher.hidden), list(exact.teacher.hidden), atol=2e-3, rtol=1e-3)


def test_knowledge_comes_in_the_order_of_the_task(tiny_task):
    """Inside, a feed keeps its nodes in another order."""
    arrays = {name: torch.as_tensor(np.array(tiny_task.arrays[name])) for name in ("features", "pointers", "sources")}
    graph = Graph(arrays["features"], arrays["pointers"], arrays["sources"])
    network = create({"model": "gcn", "layers": 3, "width": 4}, TINY).eval()
    with torch.no_grad():
        found = choose.create(tiny_task, CPU, "all").knowledge(network)
        expected = network(graph, Dropout(None))
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.hidden, expected.hidden)


def test_a_part_is_predicted_as_the_whole_is(tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    network = create({"model": "gcn", "layers": 3, "width": 4}, TINY).eval()
    with torch.no_grad():
        whole = feed.knowledge(network).logits
        for part in ("train", "valid", "test"):
            found = feed.predict(network, part)
            torch.testing.assert_close(found, whole[torch.as_tensor(tiny_task.split(part)).long()])


def test_scores_are_those_of_the_task_order(tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    network = create({"model": "gcn", "layers": 2, "width": 4}, TINY).eval()
    with torch.no_grad():
        hits = feed.knowledge(network).logits.argmax(1).numpy() == tiny_task.labels
    expected = {part: hits[tiny_task.split(part)].mean() for part in ("train", "valid", "test")}
    assert evaluate(network, feed) == pytest.approx(expected)


@pytest.mark.parametrize("distill_on", ["train", "all"])
def test_batch_edges_are_those_among_the_rows(tiny_task, distill_on):
    feed = choose.create(tiny_task, CPU, distill_on)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12),))
    step = next(feed.steps(Streams(0, "student", CPU), knowledge))[0]
    rows = feed.order.numpy() if distill_on == "all" else np.sort(tiny_task.split("train"))
    number = {int(node): row for row, node in enumerate(rows)}
    pointers, sources = tiny_task.arrays["pointers"], tiny_task.arrays["sources"]
    expected = {
        (number[int(j)], number[int(i)])
        for i in rows
        for j in sources[pointers[i] : pointers[i + 1]]
        if int(j) in number
    }
    assert set(map(tuple, step.batch.edge_index.T.tolist())) == expected
    torch.testing.assert_close(step.teacher.logits, knowledge.logits[torch.as_tensor(rows)])


def inductive(task: Task) -> Task:
    return Variant(inductive=True).apply(task).finish()


def with_other_test_nodes(task: Task) -> Task:
    """Other features of the test nodes, and none of their edges."""
    arrays = {name: np.array(array) for name, array in task.arrays.items()}
    test = task.split("test")
    arrays["features"][test] += 5
    targets = np.repeat(np.arange(60), np.diff(arrays["pointers"]))
    kept = ~(np.isin(targets, test) | np.isin(arrays["sources"], test))
    arrays["sources"] = arrays["sources"][kept]
    arrays["pointers"] = np.searchsorted(targets[kept], np.arange(61)).astype(np.int32)
    return Task(**{**task.__dict__, "arrays": arrays}).finish()


@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_inductive_training_never_sees_a_test_node(setting):
    """Weights, knowledge and validation scores are the same bit for bit, whatever the test nodes are."""
    found = []
    for task in (make_tiny_task(), with_other_test_nodes(make_tiny_task())):
        feed = choose.create(inductive(task) if setting == "inductive" else task, CPU, "all")
        streams = Streams(0, "teacher", CPU)
        with streams.globally("network"):
            network = create({"model": "gcn", "layers": 2, "width": 8, "dropout": 0.5}, TINY)
        outcome = fit(network, feed, streams, TrainingSettings(epochs=6))
        with torch.no_grad():
            knowledge = feed.knowledge(network.eval())
        found.append((network.state_dict(), knowledge, outcome))
    (weights, knowledge, outcome), (others, other_knowledge, other) = found
    same = all(weights[name].equal(others[name]) for name in weights)
    assert same == (setting == "inductive")
    if setting == "inductive":
        test = torch.as_tensor(make_tiny_task().split("test"))
        for one, two in zip(
            (knowledge.logits, *knowledge.hidden), (other_knowledge.logits, *other_knowledge.hidden), strict=True
        ):
            assert one[test].isnan().all()
            assert not one.isnan().all(1)[torch.as_tensor(make_tiny_task().split("valid"))].any()
            assert torch.equal(one.nan_to_num(), two.nan_to_num())
        assert outcome.curve == other.curve
        assert {part: outcome.scores[part] for part in ("train", "valid")} == {
            part: other.scores[part] for part in ("train", "valid")
        }


@pytest.mark.parametrize("distill_on", ["train", "all"])
def test_inductive_distillation_hands_over_no_test_node(tiny_task, distill_on):
    task = inductive(tiny_task)
    feed = choose.create(task, CPU, distill_on)
    teacher = torch.randn(60, 3)
    teacher[torch.as_tensor(task.split("test"))] = torch.nan
    step = next(feed.steps(Streams(0, "student", CPU), Signals(teacher, (teacher,))))[0]
    rows = 60 - len(task.split("test")) if distill_on == "all" else len(task.split("train"))
    assert step.teacher.logits.shape == (rows, 3)
    assert not step.teacher.logits.isnan().any()
    assert len(step.batch.labels) == rows
    assert step.batch.edge_index.max() < rows


def test_inductive_answers_for_test_nodes_come_from_the_whole_graph(tiny_task):
    network = create({"model": "gcn", "layers": 3, "width": 4}, TINY).eval()
    plain, feed = choose.create(tiny_task, CPU, "all"), choose.create(inductive(tiny_task), CPU, "all")
    with torch.no_grad():
        torch.testing.assert_close(feed.predict(network, "test"), plain.predict(network, "test"))
        assert not torch.allclose(feed.predict(network, "valid"), plain.predict(network, "valid"))
        whole = feed.predict(network)
        for part in ("train", "valid", "test"):
            torch.testing.assert_close(whole[feed.units(part)[0]], feed.predict(network, part))


@pytest.mark.parametrize("make", [make_tiny_task, tiny_hetero.make_task], ids=["node", "heterogeneous"])
def test_nodes_that_lost_their_label_are_distilled_without_it(make):
    task = Variant(labels_per_class=2).apply(make()).finish()
    feed = choose.create(task, CPU, "all", tiny_hetero.FULL)
    units = torch.arange(float(len(task.labels)))[:, None]
    (step,) = next(iter(feed.steps(Streams(0, "student", CPU), Signals(units, (units,)))))
    rows = step.teacher.logits[:, 0].long()
    assert sorted(rows.tolist()) == list(range(len(task.labels))), "every node, each met at its own teacher row"
    assert len(step.labels) == 6
    seen = rows[step.batch.labels >= 0]
    assert sorted(seen.tolist()) == task.split("train").tolist()
    assert step.batch.labels[step.labeled].tolist() == step.labels.tolist() == task.labels[rows[step.labeled]].tolist()
