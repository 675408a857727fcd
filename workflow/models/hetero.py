"""A heterogeneous graph on a device: node types, and one mean-normalised propagation matrix a relation.

Adjacency comes in as scipy CSR patterns [targets x sources] of ones, which samplers slice and transpose in compiled
code; a relation is named "SOURCE/NAME/TARGET", as in a Task.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from methods.sparse import csr
from workflow.models.propagation import Sparse

Cached = TypeVar("Cached")
Patterns = Mapping[str, csr_array]


class HeteroGraph:
    """Input of a network on a heterogeneous graph, or on a sampled piece of one.

    Args:
        features: [n, f] of every node type that has features; the others have learned embeddings.
        nodes: number of nodes of every type.
        patterns: adjacency of every relation; a reverse is a relation of its own.
        target: the node type that is classified.
        ids: of a sampled graph, [n] int64 rows of the embedding tables for the types without features; None for
            the whole graph, which uses every table as it is.
        rows: [k] int64 nodes of the target type whose outputs are wanted; None for all.
        backward: whether gradients will be asked for, which needs the transposes too.
    """

    def __init__(
        self,
        features: Mapping[str, Tensor],
        nodes: Mapping[str, int],
        patterns: Patterns,
        target: str,
        ids: Mapping[str, Tensor] | None = None,
        rows: Tensor | None = None,
        backward: bool = True,
    ) -> None:
        self.features = features
        self.nodes = nodes
        self.target = target
        self.ids = {} if ids is None else ids
        self.sampled = ids is not None
        self.rows = rows
        like = next(iter(features.values()))
        self.means = {name: mean(pattern, like, backward) for name, pattern in sorted(patterns.items())}
        """D_r^-1 A_r of every relation r."""
        self.last = self.means
        """The same for a network's last layer, whose targets are the wanted rows alone."""
        if rows is not None:
            self.last = self._into(rows, patterns, backward)
        self._memo: dict[Hashable, Any] = {}

    def at(self, rows: Tensor, patterns: Patterns) -> HeteroGraph:
        """This graph, of which a network answers, without gradients, for these nodes of the target type alone."""
        view = copy.copy(self)
        view.rows, view.last = rows, self._into(rows, patterns, backward=False)
        return view

    def _into(self, rows: Tensor, patterns: Patterns, backward: bool) -> dict[str, Sparse]:
        like = next(iter(self.features.values()))
        into = {name: pattern for name, pattern in patterns.items() if ends(name)[1] == self.target}
        wanted = rows.cpu().numpy()
        return {name: mean(pattern[wanted], like, backward) for name, pattern in sorted(into.items())}

    def memo(self, key: Hashable, compute: Callable[[], Cached]) -> Cached:
        """`compute()` once a graph: for constants such as A X."""
        if key not in self._memo:
            self._memo[key] = compute()
        return self._memo[key]

    def forget(self) -> None:
        """Drops the memoised constants; the propagation matrices stay, as a server would keep them."""
        self._memo.clear()


def ends(relation: str) -> tuple[str, str]:
    """Source and target type of a relation's name."""
    source, _, target = relation.split("/")
    return source, target


def pattern(pointers: np.ndarray, sources: np.ndarray, width: int) -> csr_array:
    """A CSR adjacency by target as a pattern [targets x width] of ones."""
    return csr_array((np.ones(len(sources), np.int8), sources, pointers), shape=(len(pointers) - 1, width))


def mean(pattern: csr_array, like: Tensor, backward: bool) -> Sparse:
    """D^-1 A: the mean over the sources of every target, 0 for a target without any.

    Args:
        like: gives the type and the device.
    """
    degree = np.diff(pattern.indptr)
    inverse = torch.from_numpy(1 / np.maximum(degree, 1)).to(like.dtype)

    def move(matrix: Any, values: Tensor, width: int) -> Tensor:
        pointers, columns = (torch.from_numpy(np.asarray(a)).to(like.device) for a in (matrix.indptr, matrix.indices))
        return csr(pointers, columns, values.to(like.device), width)

    targets, sources = pattern.shape
    forward = move(pattern, torch.repeat_interleave(inverse, torch.from_numpy(degree)), sources)
    if not backward:
        return Sparse(forward, None)
    # The compressed columns of a matrix are the compressed rows of its transpose.
    columns = pattern.tocsc()
    return Sparse(forward, move(columns, inverse[torch.from_numpy(columns.indices)], targets))
