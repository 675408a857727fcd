"""Compressed sparse rows from lists of edges, in numpy alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from workflow.arrays import pointer_type
from workflow.datasets.parts.blocks import Edges, check, keys_of, rows_of, through_a_file

IN_MEMORY = 2**26
"""Edges that are sorted at once; more go through a file, by blocks."""


def csr(sources: np.ndarray, targets: np.ndarray, num_sources: int, num_targets: int) -> tuple[np.ndarray, np.ndarray]:
    """Adjacency by target of the edges sources[k] -> targets[k]; duplicates are dropped.

    Returns:
        pointers [num_targets + 1] of `arrays.pointer_type`; sources [E] int32, ascending within a target.

    Raises:
        ValueError: an edge beyond the node counts.
    """
    if len(sources) > IN_MEMORY:
        return _narrow(*through_a_file(Edges([(sources, targets)], num_sources, num_targets)))
    check(sources, targets, num_sources, num_targets)
    return _narrow(*rows_of(keys_of(sources, targets, num_sources), 0, num_targets, num_sources))


def symmetric_csr(ends: np.ndarray, others: np.ndarray, num_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """As `csr`, of an undirected graph: every edge in both directions, self-loops dropped."""
    if 2 * len(ends) > IN_MEMORY:
        both = [(ends, others), (others, ends)]
        return _narrow(*through_a_file(Edges(both, num_nodes, num_nodes, loops=False)))
    proper = ends != others
    if not proper.all():
        ends, others = ends[proper], others[proper]
    return csr(np.concatenate([ends, others]), np.concatenate([others, ends]), num_nodes, num_nodes)


def _narrow(pointers: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pointers.astype(pointer_type(len(sources))), sources


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
