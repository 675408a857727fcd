"""Mini-batches of nodes whose test part is unseen: answers are those of whole graphs, seen and complete."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.contract import Signals
from tests.conftest import make_tiny_task
from tests.workflow.training.conftest import CPU
from tests.workflow.training.feeds.test_neighbour import NETWORKS, feed_of, needs_of, network_of
from workflow.training import views
from workflow.training.feeds import choose
from workflow.training.feeds.step import Needs
from workflow.training.seeds import Streams
from workflow.variants import Variant


def unseen():
    return Variant(inductive=True).apply(make_tiny_task()).finish()


@pytest.mark.parametrize("name", NETWORKS)
def test_inductive_answers_are_those_of_whole_graphs(name):
    task, network = unseen(), network_of(name)
    whole, feed = choose.create(task, CPU, "all"), feed_of(task, needs_of(network))

    def same(ours, theirs):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5, equal_nan=True)

    def moved(x):
        return x + 1

    with torch.no_grad():
        same(feed.knowledge(network).logits, whole.knowledge(network).logits)
        for part in ("valid", "test", "train"):
            same(feed.predict(network, part), whole.predict(network, part))
        same(feed.knowledge(network, moved).logits, whole.knowledge(network, moved).logits)


def test_degrees_in_what_is_seen_are_those_of_seen_edges():
    """Of an undirected graph they are the same both ways."""
    task = unseen()
    seen = feed_of(task).seen
    nodes = np.setdiff1d(np.arange(60), task.split("test"))
    graph = seen.graph(seen.neighbours.sample(nodes, [60]), 0)
    assert torch.equal(graph.degrees[0], graph.degrees[1])


def test_a_method_on_more_rows_knows_the_epoch():
    feed, streams = feed_of(make_tiny_task(), Needs(2, 0, True)), Streams(0, "student", CPU)
    (step, *_) = next(feed.steps(streams, Signals(torch.randn(60, 3), (torch.randn(60, 4),))))
    batch = views.around(network_of("sage"), streams, step.wider, 7, 9)()[2]
    assert (batch.epoch, batch.epochs) == (7, 9)
