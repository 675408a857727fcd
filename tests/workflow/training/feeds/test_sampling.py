"""What is drawn around some nodes of a graph."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from workflow.training.feeds.sampling import ALL, Neighbours, distinct


def random_csr(nodes=40, seed=0):
    random = np.random.default_rng(seed)
    matrix = random.random((nodes, nodes)) < random.random((nodes, 1)) * 0.5
    np.fill_diagonal(matrix, False)
    matrix[0] = False  # one without a neighbour
    sources = np.nonzero(matrix)[1]
    return np.concatenate([[0], np.cumsum(matrix.sum(1))]), sources.astype(np.int32), matrix


def test_a_sample_holds_real_edges_no_more_than_wanted_and_nothing_that_the_roots_do_not_see():
    pointers, sources, matrix = random_csr()
    neighbours = Neighbours(pointers, sources)
    roots = np.array([7, 0, 31, 12])
    for seed in range(20):
        drawn = neighbours.sample(roots, [4, 3], np.random.default_rng(seed))
        assert list(drawn.nodes[:4]) == list(roots)
        assert len(set(drawn.nodes.tolist())) == len(drawn.nodes) == drawn.ends[-1]
        for place, node in enumerate(drawn.nodes):
            mine = drawn.nodes[drawn.sources[drawn.pointers[place] : drawn.pointers[place + 1]]]
            most = 4 if place < drawn.ends[0] else 3 if place < drawn.ends[1] else 0
            assert len(mine) == len(set(mine)) == min(most, matrix[node].sum())
            assert matrix[node, mine].all()
        inner = set(drawn.sources[: drawn.pointers[drawn.ends[0]]].tolist()) | set(range(4))
        assert inner == set(range(drawn.ends[1]))
        assert set(drawn.sources.tolist()) | inner == set(range(drawn.ends[2]))


def test_draws_of_two_threads_do_not_mix():
    pointers, sources, _ = random_csr(400)
    neighbours = Neighbours(pointers, sources)

    def draw(seed: int) -> list[int]:
        return neighbours.sample(np.arange(20), [5, 5], np.random.default_rng(seed)).nodes.tolist()

    expected = [draw(seed) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(40))) == expected


def test_every_neighbour_is_drawn_alike():
    found = distinct(np.full(30_000, 7), 3, np.random.default_rng(0))
    assert (np.diff(found, axis=1) > 0).all()
    assert found.min() == 0
    assert found.max() == 6
    sets = Counter(map(tuple, found.tolist()))
    assert len(sets) == 35  # 7 choose 3
    expected = 30_000 / 35
    assert sum((count - expected) ** 2 / expected for count in sets.values()) < 65.2  # chi-squared, 34 df, p = .001


def test_all_neighbours_are_those_of_the_graph():
    pointers, sources, matrix = random_csr()
    drawn = Neighbours(pointers, sources).sample(np.array([5, 3]), [ALL])
    for place, node in enumerate([5, 3]):
        mine = drawn.nodes[drawn.sources[drawn.pointers[place] : drawn.pointers[place + 1]]]
        assert sorted(mine) == np.flatnonzero(matrix[node]).tolist()
