"""Some nodes of a graph with all edges into them, for exact answers on a graph that is too large to hold at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from methods.sparse import Entries, Matrix, Pattern
from workflow.models import propagation
from workflow.models.graph import Graph


class BlockGraph(Graph):
    """Nodes that read the values of their in-neighbours where those of all nodes lie: none is copied.

    For networks whose layers look elsewhere by `mean`, `gcn` and `wanted` alone (`Model.sums`); on the host, without
    gradients.

    Args:
        x: [n, d] float32 values of all nodes.
        nodes: [k] ids of the nodes whose outputs are wanted.
        pointers, sources: [k + 1] and [E] the ids of the sources of all edges into each of them.
        degrees: ids -> int64 in-degrees.
    """

    sampled = True

    def __init__(
        self,
        x: Tensor,
        nodes: np.ndarray,
        pointers: np.ndarray,
        sources: np.ndarray,
        degrees: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        nothing = x.new_empty(0)
        super().__init__(x, torch.from_numpy(pointers), torch.from_numpy(sources), (nothing, nothing))
        self._nodes = nodes
        self._rows = torch.tensor(nodes)  # a copy: a mapped file cannot be written, and torch warns of it
        self._edges = pointers, sources
        self._degrees = degrees

    @property
    def converges(self) -> bool:
        return True

    def wanted(self, x: Tensor) -> Tensor:
        """[k, d] rows of the values [n, d] of all nodes."""
        return x.index_select(0, self._rows)

    @property
    def mean(self) -> Matrix:
        """[k, n] the mean over the in-neighbours."""
        return propagation.drawn_mean(self._pattern(*self._edges), None, self.x.dtype)

    @property
    def gcn(self) -> Matrix:
        """[k, n] rows of the symmetrically normalised adjacency with self-loops."""
        pointers, sources = propagation.with_loops_inserted(*self._edges, self._nodes)
        looped = self._pattern(pointers, sources)
        of_sources = (torch.from_numpy(self._degrees(sources)) + 1).to(self.x.dtype).pow(-0.5)
        of_targets = looped.counts.to(self.x.dtype).pow(-0.5)
        return Matrix(Entries(looped, of_targets.index_select(0, looped.rows) * of_sources), None)

    def _pattern(self, pointers: np.ndarray, sources: np.ndarray) -> Pattern:
        return Pattern(torch.from_numpy(pointers), torch.from_numpy(sources), len(self.x)).narrow()
