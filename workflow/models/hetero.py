"""A heterogeneous graph on a device: node types, and one mean-normalised propagation matrix per relation.

Adjacency comes in as scipy CSR patterns [targets x sources] of ones, which samplers slice and transpose in compiled
code; a relation is named "SOURCE/NAME/TARGET", as in a Task.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor

from methods.sparse import Matrix
from workflow.models.propagation import relation_means
from workflow.moving import moved

Cached = TypeVar("Cached")
Patterns = Mapping[str, csr_array]


class HeteroGraph:
    """Input of a network on a heterogeneous graph, or on a sampled piece of one.

    Args:
        features: [n, f] of every node type that has features; the others have learned embeddings.
        nodes: number of nodes of every type.
        patterns: adjacency of every relation; a reverse is a relation of its own.
        target: the node type that is classified.
        ids: of a sampled graph, [n] int64 rows of the embedding tables for the types without features, ascending, each
            once; None for the whole graph, which uses every table as it is.
        rows: [k] int64 nodes of the target type whose outputs are wanted, on the host; None for all.
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
        like = next(iter(features.values()))
        self.means = relation_means(patterns, like, backward)
        """D_r^-1 A_r of every relation r."""
        self.last = self.means
        """The same for a network's last layer, whose targets are the wanted rows alone."""
        self.rows = None if rows is None else moved(rows, like.device)
        if rows is not None:
            self.last = self._into(rows, patterns, backward)
        self._memo: dict[Hashable, Any] = {}

    def at(self, rows: Tensor, patterns: Patterns) -> HeteroGraph:
        """This graph, of which a network answers, without gradients, for these nodes of the target type alone.

        Args:
            rows: as in the constructor.
        """
        view = copy.copy(self)
        view.last = self._into(rows, patterns, backward=False)
        view.rows = moved(rows, next(iter(self.features.values())).device)
        return view

    @property
    def real_features(self) -> tuple[Tensor, ...]:
        """[n, f] real-valued features of every node type that has any."""
        return tuple(self.features.values())

    def with_features(self, features: Sequence[Tensor]) -> HeteroGraph:
        """This graph with other real-valued features, of which nothing is known yet; edges are shared."""
        view = copy.copy(self)
        view.features = dict(zip(self.features, features, strict=True))
        view._memo = {}
        return view

    def _into(self, rows: Tensor, patterns: Patterns, backward: bool) -> dict[str, Matrix]:
        like = next(iter(self.features.values()))
        into = {name: pattern for name, pattern in patterns.items() if ends(name)[1] == self.target}
        wanted = rows.numpy()
        return relation_means({name: pattern[wanted] for name, pattern in into.items()}, like, backward)

    def memo(self, key: Hashable, compute: Callable[[], Cached]) -> Cached:
        """`compute()` once per graph: for constants such as A X."""
        if key not in self._memo:
            self._memo[key] = compute()
        found: Cached = self._memo[key]
        return found


def ends(relation: str) -> tuple[str, str]:
    """Source and target type of a relation's name."""
    source, _, target = relation.split("/")
    return source, target


def pattern(pointers: np.ndarray, sources: np.ndarray, width: int) -> csr_array:
    """A CSR adjacency by target as a pattern [targets x width] of ones."""
    return csr_array((np.ones(len(sources), np.int8), sources, pointers), shape=(len(pointers) - 1, width))
