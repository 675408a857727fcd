"""What the feed of a node task gives: the task's order, visible labels alone, edges among the rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.contract import Signals
from tests.conftest import TINY
from tests.workflow.training.conftest import CPU
from workflow.models.graph import Graph
from workflow.models.model import Dropout, create
from workflow.training.feeds import choose
from workflow.training.loop import evaluate
from workflow.training.seeds import Streams


def test_methods_never_see_labels_outside_the_training_split(tiny_task):
    feed = choose.create(tiny_task, CPU, "all")
    streams = Streams(0, "student", CPU)
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 12),))
    batch = next(feed.steps(streams, knowledge))[0].batch
    train = np.isin(feed.order.numpy(), tiny_task.split("train"))
    assert (batch.labels[~train] == -1).all()
    assert (batch.labels[train] == torch.as_tensor(tiny_task.labels[feed.order.numpy()[train]])).all()


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
