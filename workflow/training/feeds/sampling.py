"""Uniform sampling of in-neighbours, hop by hop, in numpy alone (Hamilton et al., NeurIPS 2017, section 3.1).

A node's neighbours are drawn without replacement, all of them where it has no more than are wanted. The adjacency may
be mapped from a file: only the rows of the drawn nodes are read.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALL = None
"""A fan-out that draws nothing: every in-neighbour is taken."""


@dataclass(frozen=True)
class Sample:
    """The nodes that some roots see, and the drawn edges between them.

    Attributes:
        nodes: [m] int64 ids, each once: the roots as they were given, then the new nodes of hop after hop, ascending.
        pointers: [m + 1] int64; sources: [E] int64 positions in `nodes` of the sources of the edges that were drawn
            into each node. Nodes of the last hop have none.
        ends: how many nodes there are with the roots, with the first hop, ...
    """

    nodes: np.ndarray
    pointers: np.ndarray
    sources: np.ndarray
    ends: tuple[int, ...]


class Neighbours:
    """Draws of one graph.

    Args:
        pointers: [n + 1]; sources: [E]: the sources of the edges j -> i of every node i, each once.
    """

    def __init__(self, pointers: np.ndarray, sources: np.ndarray) -> None:
        self.pointers = pointers
        self.sources = sources
        # Where each node stands in the sample that is being drawn: 4 bytes a node, which no draw need clear as a whole.
        self._place = np.full(len(pointers) - 1, -1, np.int32)
        self._drawing = threading.Lock()

    def degrees(self, nodes: np.ndarray) -> np.ndarray:
        """[m] int64 in-neighbours of each node."""
        found: np.ndarray = self.pointers[nodes + 1].astype(np.int64) - self.pointers[nodes]
        return found

    def into(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All edges into some nodes: [m + 1] int64 pointers, and [E] int64 ids of their sources."""
        taken, sources = self._draw(nodes, ALL, None)
        return _pointers(taken), sources

    def sample(
        self, roots: np.ndarray, fan_out: Sequence[int | None], random: np.random.Generator | None = None
    ) -> Sample:
        """What the roots see by as many hops as there are fan-outs.

        Args:
            roots: int64 ids, each once.
            fan_out: most neighbours of a node at each hop; ALL for every one.
            random: not needed where every fan-out is ALL.
        """
        with self._drawing:  # a thread may draw steps while an evaluation asks for neighbours
            return self._sample(roots, fan_out, random)

    def _sample(self, roots: np.ndarray, fan_out: Sequence[int | None], random: np.random.Generator | None) -> Sample:
        nodes, counts, columns = [roots], [], []
        known = 0
        try:
            self._place[roots] = np.arange(len(roots))
            for most in fan_out:
                frontier = nodes[-1]
                known += len(frontier)
                taken, sources = self._draw(frontier, most, random)
                new = self._new(sources)
                self._place[new] = np.arange(known, known + len(new))
                nodes.append(new)
                counts.append(taken)
                columns.append(self._place[sources])
        finally:
            for drawn in nodes:
                self._place[drawn] = -1
        everyone = np.concatenate(nodes)
        per_row = np.concatenate([*counts, np.zeros(len(everyone) - known, np.int64)])
        edges = np.concatenate([np.empty(0, np.int32), *columns]).astype(np.int64)
        return Sample(everyone, _pointers(per_row), edges, tuple(np.cumsum([len(part) for part in nodes]).tolist()))

    def _new(self, sources: np.ndarray) -> np.ndarray:
        """The ids among sources that have no place yet, each once, ascending; faster than a sort of all of them."""
        fresh = sources[self._place[sources] < 0]
        every = np.arange(len(fresh), dtype=np.int32)
        self._place[fresh] = every  # of equal ids one is left
        new: np.ndarray = fresh[self._place[fresh] == every]
        new.sort()
        return new

    def _draw(
        self, nodes: np.ndarray, most: int | None, random: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """[m] neighbours drawn of each node, and their ids, node after node."""
        begin, degree = self.pointers[nodes].astype(np.int64), self.degrees(nodes)
        taken = degree if most is None else np.minimum(degree, most)
        first = np.cumsum(taken) - taken
        # The k-th edge of a node that keeps all, counted through over all nodes.
        edges = np.arange(taken.sum()) - np.repeat(first - begin, taken)
        if most is not None and len(many := np.flatnonzero(degree > most)):
            assert random is not None
            chosen = distinct(degree[many], most, random)
            edges[first[many][:, None] + np.arange(most)] = begin[many][:, None] + chosen
        return taken, self.sources[edges].astype(np.int64)


def _pointers(counts: np.ndarray) -> np.ndarray:
    """[m] edges of each row -> [m + 1] int64: where each row begins, and where the last one ends."""
    pointers = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=pointers[1:])
    return pointers


def distinct(among: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """[m, count] different numbers below among[i] > count in every row, ascending, each set as likely as any other.

    Floyd's algorithm (Bentley and Floyd, CACM 30(9), 1987), all rows at once: its time does not grow with `among`, as
    that of a shuffle of a hub's neighbours would.
    """
    chosen = np.empty((len(among), count), np.int64)
    for k in range(count):
        last = among - count + k
        # A float below 1 times a degree below 2^31 is exact enough: the bias is below 2^-21.
        drawn = (random.random(len(among)) * (last + 1)).astype(np.int64)
        clash = (chosen[:, :k] == drawn[:, None]).any(1)
        chosen[:, k] = np.where(clash, last, drawn)
    chosen.sort(axis=1)
    return chosen
