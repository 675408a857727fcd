"""Curvature of edges: triangles against sets, and the bound against exact optimal transport."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.sparse.csgraph import shortest_path

from baselines.parts import curvature
from baselines.parts.curvature import edge_curvature, node_curvature

Neighbours = list[set[int]]


def graph(name: str) -> tuple[torch.Tensor, Neighbours]:
    """Edges in one direction each, with a loop and a repeated edge; and what they say."""
    n, random = 14, np.random.default_rng(4)
    pairs = {
        "tree": [(int(random.integers(i)), i) for i in range(1, n)],
        "random": [pair for pair in combinations(range(n), 2) if random.random() < 0.35],
        "complete": list(combinations(range(5), 2)),
        "cycle": [(i, (i + 1) % 6) for i in range(6)],
    }[name]
    near: Neighbours = [{a + b - i for a, b in pairs if i in (a, b)} for i in range(n)]
    turned = [pair[:: random.choice([1, -1])] for pair in [*pairs, pairs[0], (2, 2)]]
    return torch.tensor(turned).T, near


def theorem(near: Neighbours, x: int, y: int) -> float:
    """Jost and Liu's bound, from sets."""
    shared, (fewer, more) = len(near[x] & near[y]), sorted((len(near[x]), len(near[y])))
    free = 1 - 1 / fewer - 1 / more
    return shared / more - max(free - shared / fewer, 0) - max(free - shared / more, 0)


def exact(near: Neighbours, x: int, y: int) -> float:
    """1 - W1 between the uniform distributions on the neighbours of two adjacent nodes, by a linear program."""
    joined = np.array([[j in others for j in range(len(near))] for others in near])
    far = shortest_path(joined.astype(float), unweighted=True)
    a, b = sorted(near[x]), sorted(near[y])
    rows, columns = np.kron(np.eye(len(a)), np.ones(len(b))), np.kron(np.ones(len(a)), np.eye(len(b)))
    marginals = np.concatenate([np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))])
    solved = linprog(far[np.ix_(a, b)].ravel(), A_eq=np.concatenate([rows, columns]), b_eq=marginals)
    return 1 - float(solved.fun)


@pytest.mark.parametrize("block", [1, 2**16])
@pytest.mark.parametrize("name", ["tree", "random", "complete", "cycle"])
def test_triangles_and_bound(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curvature, "BLOCK", block)
    edges, near = graph(name)
    lower, upper, bound = edge_curvature(edges, len(near))
    pairs = list(zip(lower.tolist(), upper.tolist(), strict=True))
    assert pairs == sorted((i, j) for i in range(len(near)) for j in near[i] if i < j)
    found = curvature.triangles(lower, upper, len(near))
    assert found.tolist() == [len(near[i] & near[j]) for i, j in pairs]
    np.testing.assert_allclose(bound.numpy(), [theorem(near, i, j) for i, j in pairs], atol=1e-12)
    transport = np.array([exact(near, i, j) for i, j in pairs])
    assert (bound.numpy() <= transport + 1e-9).all()
    assert (bound.abs() <= 2).all()
    if name == "random":
        assert (bound.numpy() < transport - 0.01).any(), "a bound, and no more"
    else:
        wanted = {"tree": transport, "complete": 3 / 4, "cycle": 0.0}[name]
        np.testing.assert_allclose(bound.numpy(), wanted, atol=1e-9)
    at = [[b for pair, b in zip(pairs, bound.tolist(), strict=True) if i in pair] for i in range(len(near))]
    wanted = [sum(values) / len(values) if values else 0.0 for values in at]
    np.testing.assert_allclose(node_curvature(edges, len(near)).numpy(), wanted, atol=1e-12)


def test_no_edges() -> None:
    assert node_curvature(torch.empty(2, 0, dtype=torch.int64), 3).tolist() == [0, 0, 0]
    assert node_curvature(torch.tensor([[1], [1]]), 3).tolist() == [0, 0, 0]
