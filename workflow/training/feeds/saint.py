"""GraphSAINT's random-walk sampler (Zeng et al., ICLR 2020) on heterogeneous graphs, in numpy and scipy alone.

As in OGB's example for ogbn-mag, without the paper's coverage-based weights: roots are drawn uniformly over the nodes
of all types, each walks over the union of all relations, and a step trains on the graph induced by all visited nodes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from workflow.models.hetero import Patterns, ends


class RandomWalks:
    """Draws sets of nodes.

    A walk goes from a node to one of its in-neighbours, uniformly over the edges of all relations, and stays where
    there is none. Against the edges is the way in which a network gathers; where every relation has its reverse, as in
    the tasks here, both ways are the same.

    Args:
        patterns: adjacency of every relation.
        counts: number of nodes of every type.
        roots: walks that start at a time.
        length: steps of each walk.
    """

    def __init__(self, patterns: Patterns, counts: Mapping[str, int], roots: int, length: int) -> None:
        self.kinds = sorted(counts)
        self.first = dict(zip(self.kinds, np.cumsum([0, *(counts[kind] for kind in self.kinds)]), strict=False))
        """Number of each type's first node, in a numbering that puts type after type."""
        self.total = sum(counts.values())
        self.roots = roots
        self.length = length
        self.into = {
            kind: [(self.first[ends(name)[0]], matrix) for name, matrix in patterns.items() if ends(name)[1] == kind]
            for kind in self.kinds
        }
        self.degrees = {
            kind: sum((np.diff(matrix.indptr).astype(np.int64) for _, matrix in relations), np.zeros(counts[kind], int))
            for kind, relations in self.into.items()
        }

    def walk(self, random: np.random.Generator) -> np.ndarray:
        """[length + 1, roots] int64 nodes that the walks visit."""
        stops = [random.integers(0, self.total, self.roots)]
        for _ in range(self.length):
            stops.append(self._move(stops[-1], random.random(self.roots)))
        return np.stack(stops)

    def _move(self, nodes: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The next node of every walk; `draws` in [0, 1) choose among its edges."""
        moved = nodes.copy()
        for kind in self.kinds:
            own = np.flatnonzero((nodes >= self.first[kind]) & (nodes < self.first[kind] + len(self.degrees[kind])))
            local = nodes[own] - self.first[kind]
            edge = (draws[own] * self.degrees[kind][local]).astype(np.int64)
            # The edges of a node are counted through, relation after relation.
            for offset, matrix in self.into[kind]:
                begin = matrix.indptr[local].astype(np.int64)
                degree = matrix.indptr[local + 1] - begin
                here = (edge >= 0) & (edge < degree)
                moved[own[here]] = offset + matrix.indices[begin[here] + edge[here]]
                edge -= degree
        return moved

    def sample(self, random: np.random.Generator) -> dict[str, np.ndarray]:
        """The visited nodes of every type: ascending int64 ids, each once; a type may have none."""
        nodes = np.unique(self.walk(random))
        cuts = np.searchsorted(nodes, [self.first[kind] for kind in self.kinds[1:]])
        return {kind: part - self.first[kind] for kind, part in zip(self.kinds, np.split(nodes, cuts), strict=True)}


def induced(patterns: Patterns, nodes: Mapping[str, np.ndarray]) -> dict[str, csr_array]:
    """The edges of every relation among the given nodes, renumbered by their positions.

    Args:
        nodes: ascending ids of every type.
    """
    return {
        name: matrix[nodes[ends(name)[1]]][:, nodes[ends(name)[0]]].sorted_indices()
        for name, matrix in patterns.items()
    }
