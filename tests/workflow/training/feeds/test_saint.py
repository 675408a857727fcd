"""Random walks and the graphs that they induce."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workflow.tiny_hetero import COUNTS, FULL, RELATIONS, feed_of, make_task
from workflow.models.hetero import ends
from workflow.task import Task
from workflow.training.feeds.saint import RandomWalks, induced


@pytest.fixture
def task() -> Task:
    return make_task()


def walks_of(task: Task, roots: int = 40, length: int = 5) -> RandomWalks:
    return RandomWalks(feed_of(task, FULL).patterns, COUNTS, roots, length)


def test_walks_follow_edges_of_every_relation_and_stay_where_there_is_none(task):
    walks = walks_of(task)
    allowed = {
        (walks.first[ends(name)[1]] + int(i), walks.first[ends(name)[0]] + int(j)): name
        for name, matrix in feed_of(task, FULL).patterns.items()
        for i, j in zip(*matrix.nonzero(), strict=True)
    }
    lonely = set(range(sum(COUNTS.values()))) - {i for i, _ in allowed}
    random, used = np.random.default_rng(0), set()
    for _ in range(20):
        stops = walks.walk(random)
        for i, j in zip(stops[:-1].ravel().tolist(), stops[1:].ravel().tolist(), strict=True):
            if i in lonely:
                assert i == j
            else:
                used.add(allowed[i, j])
    assert used == set(RELATIONS)


def test_walks_choose_uniformly_over_all_edges_of_a_node(task):
    walks = walks_of(task)
    node = walks.first["paper"] + 3
    found = walks._move(np.full(60_000, node), np.random.default_rng(0).random(60_000))
    _, counts = np.unique(found, return_counts=True)
    degree = walks.degrees["paper"][3]
    assert len(counts) == degree
    np.testing.assert_allclose(counts / 60_000, 1 / degree, rtol=0.1)


def test_sampled_nodes_are_those_of_the_walks(task):
    walks = walks_of(task)
    nodes = walks.sample(np.random.default_rng(1))
    visited = {int(node) for node in walks.walk(np.random.default_rng(1)).ravel()}
    assert {walks.first[kind] + int(i) for kind, ids in nodes.items() for i in ids} == visited


def test_induced_graph_is_the_naive_one(task):
    patterns = feed_of(task, FULL).patterns
    nodes = walks_of(task, roots=10, length=2).sample(np.random.default_rng(2))
    for name, found in induced(patterns, nodes).items():
        source, target = (nodes[kind] for kind in ends(name))
        np.testing.assert_array_equal(found.toarray(), patterns[name].toarray()[np.ix_(target, source)])
        assert found.has_sorted_indices
