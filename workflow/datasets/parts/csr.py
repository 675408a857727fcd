"""Compressed sparse rows from lists of edges, in numpy alone and in one sort."""

from __future__ import annotations

from typing import Any

import numpy as np


def csr(sources: np.ndarray, targets: np.ndarray, num_sources: int, num_targets: int) -> tuple[np.ndarray, np.ndarray]:
    """Adjacency by target of the edges sources[k] -> targets[k]; duplicates are dropped.

    Returns:
        pointers [num_targets + 1] int32; sources [E] int32, ascending within a target.

    Raises:
        ValueError: an edge beyond the node counts, or more edges than int32 can count.
    """
    if len(sources) and (
        min(int(sources.min()), int(targets.min())) < 0
        or int(sources.max()) >= num_sources
        or int(targets.max()) >= num_targets
    ):
        raise ValueError(
            f"an edge names node {max(int(sources.max()), int(targets.max()))} or a negative one, "
            f"but there are {num_sources} sources and {num_targets} targets"
        )
    # One 8-byte key per edge: its sort gives the order by target and source at once.
    keys = targets.astype(np.int64)
    keys *= num_sources
    keys += sources
    keys.sort()
    if len(keys):
        first = np.empty(len(keys), bool)
        first[0] = True
        np.not_equal(keys[1:], keys[:-1], out=first[1:])
        if not first.all():
            keys = keys[first]
    if len(keys) > np.iinfo(np.int32).max:
        raise ValueError(f"{len(keys)} edges are more than int32 pointers can count")
    bounds = np.arange(num_targets + 1, dtype=np.int64) * num_sources
    pointers = np.searchsorted(keys, bounds).astype(np.int32)
    keys %= max(num_sources, 1)
    return pointers, keys.astype(np.int32)


def symmetric_csr(ends: np.ndarray, others: np.ndarray, num_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """As `csr`, of an undirected graph: every edge in both directions, self-loops dropped."""
    proper = ends != others
    if not proper.all():
        ends, others = ends[proper], others[proper]
    return csr(np.concatenate([ends, others]), np.concatenate([others, ends]), num_nodes, num_nodes)


def both_ways(source: str, name: str, target: str, edges: np.ndarray, counts: tuple[int, int]) -> dict[str, np.ndarray]:
    """The arrays of a heterogeneous Task of a relation and of its reverse, which is a relation `rev_NAME` of its own.

    Args:
        edges: [2, E], from nodes of type `source` to nodes of type `target`.
        counts: nodes of the two types.

    Raises:
        ValueError: see `csr`.
    """
    forth = csr(edges[0], edges[1], counts[0], counts[1])
    back = csr(edges[1], edges[0], counts[1], counts[0])
    return {
        **relation(f"{source}/{name}/{target}", forth),
        **relation(f"{target}/rev_{name}/{source}", back),
    }


def relation(name: str, adjacency: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a heterogeneous Task of one relation "SOURCE/NAME/TARGET"."""
    return {f"relation/{name}/pointers": adjacency[0], f"relation/{name}/sources": adjacency[1]}


def permuted(pointers: np.ndarray, sources: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same adjacency with node `order[k]` renamed to k; sources keep their order within a target."""
    counts = np.diff(pointers)[order]
    moved = np.zeros_like(pointers)
    np.cumsum(counts, out=moved[1:])
    place = np.empty(len(order), sources.dtype)
    place[order] = np.arange(len(order), dtype=sources.dtype)
    entries = np.arange(len(sources)) + np.repeat(pointers[order] - moved[:-1], counts)
    return moved, place[sources[entries]]


def expand(pointers: np.ndarray) -> np.ndarray:
    """The target [E] int64 of every edge of a CSR adjacency."""
    return np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))


def leading(pointers: np.ndarray, sources: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """The adjacency among the first nodes alone."""
    inside = sources[: pointers[nodes]] < nodes
    before = np.concatenate([[0], np.cumsum(inside)])
    return before[pointers[: nodes + 1]].astype(pointers.dtype), sources[: pointers[nodes]][inside]


def check_scipy(matrix: Any) -> None:
    """Raises ValueError where a scipy CSR matrix is none; used before it is taken, it would end the process.

    scipy's own full check does not look at the pointers of a matrix whose last pointer is 0.
    """
    if (np.diff(matrix.indptr) < 0).any():
        raise ValueError("the row pointers of a sparse matrix must not fall")
    matrix.check_format(full_check=True)
