"""A homogeneous graph on a device, with the propagation matrices that networks ask of it, each built once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from methods.sparse import Matrix, Pattern
from workflow.models import propagation

Cached = TypeVar("Cached")


class Graph:
    """Node features and CSR adjacency by target.

    Args:
        x: [n, f] features.
        pointers, sources: [n + 1] and [E]: sources j of the edges j -> i of every node i, without self-loops; of one
            integer type or of two.
        transpose: the same of the reversed edges; None where the graph is symmetric.
        labels: [n] int64 classes that a network may see as input, `UNLABELED` outside the training split; None where
            there are none to see, or labels are no classes.

    Attributes:
        adjacency: row i holds the sources j of the edges j -> i.
        rows: the nodes whose outputs are wanted; None for all. `at` sets them.
        sampled: whether it was drawn from a larger graph for one step, so that no constant of it is worth keeping.
        degrees: of a drawn graph, [n] in- and [n] out-degrees in the graph from which it was drawn.
    """

    sampled = False
    degrees: tuple[Tensor, Tensor] | None = None

    def __init__(
        self,
        x: Tensor,
        pointers: Tensor,
        sources: Tensor,
        transpose: tuple[Tensor, Tensor] | None = None,
        labels: Tensor | None = None,
    ) -> None:
        self.x = x
        self.adjacency = _pattern(pointers, sources, len(pointers) - 1)
        self.labels = labels
        self.rows: slice | None = None
        self._symmetric = transpose is None
        self._transpose = self.adjacency if transpose is None else _pattern(*transpose, self.nodes)
        self._memo: dict[Hashable, Any] = {}
        self._structure: dict[Hashable, Any] = {}

    @property
    def nodes(self) -> int:
        return self.adjacency.height

    def at(self, rows: slice | None) -> Graph:
        """This graph, of which a network answers for these nodes alone; everything else is shared."""
        view = copy.copy(self)
        view.rows = rows
        return view

    @property
    def real_features(self) -> tuple[Tensor, ...]:
        """[n, f] real-valued features."""
        return (self.x,)

    def with_features(self, features: Sequence[Tensor]) -> Graph:
        """This graph with other real-valued features, of which nothing is known yet; edges and labels are shared."""
        view = copy.copy(self)
        (view.x,) = features
        view._memo = {}
        return view

    @property
    def whole(self) -> Graph:
        """This graph with all nodes wanted, as hidden layers need it."""
        return self.at(None)

    def of_layer(self, layer: int, layers: int) -> Graph:
        """What the convolution of a layer works on: all nodes, but for the last layer, which answers for `rows`.

        Args:
            layer: counted from 0, of so many.
        """
        return self if layer == layers - 1 else self.whole

    def wanted(self, x: Tensor) -> Tensor:
        """The wanted rows of [n, d]."""
        return x if self.rows is None else x[self.rows]

    @property
    def converges(self) -> bool:
        """Whether so few of the seen nodes are wanted that even a narrowing map is cheaper behind a sum than before."""
        return False

    def memo(self, key: Hashable, compute: Callable[[], Cached]) -> Cached:
        """`compute()` once per graph: for constants such as A X."""
        return _kept(self._memo, key, compute)

    def memo_structure(self, key: Hashable, compute: Callable[[], Cached]) -> Cached:
        """As `memo`, for what depends on the edges alone: `forget` keeps it."""
        return _kept(self._structure, key, compute)

    def forget(self) -> None:
        """Drops the memoised constants; the propagation matrices stay, as a server would keep them."""
        self._memo.clear()

    @property
    def looped(self) -> Pattern:
        """The adjacency with one self-loop per node."""
        return self.memo_structure("looped", lambda: propagation.with_loops(self.adjacency))

    @property
    def gcn(self) -> Matrix:
        """The wanted rows of the symmetrically normalised adjacency with self-loops."""
        return self._wanted_rows(
            "gcn", lambda: propagation.symmetric_normalised(self.looped, self._symmetric, self.x.dtype)
        )

    @property
    def mean(self) -> Matrix:
        """The wanted rows of the mean over in-neighbours."""
        return self._wanted_rows("mean", lambda: propagation.mean(self.adjacency, self._transpose, self.x.dtype))

    def _wanted_rows(self, name: str, build: Callable[[], Matrix]) -> Matrix:
        matrix = self.memo_structure(name, build)
        if self.rows is None:
            return matrix
        start, stop = self.rows.start, self.rows.stop
        backward = torch.is_grad_enabled()
        return self.memo_structure((name, start, stop, backward), lambda: matrix.part(start, stop, backward))


def _pattern(pointers: Tensor, columns: Tensor, width: int) -> Pattern:
    """Products want both in one type; a task of many edges has wide pointers alone."""
    found = Pattern(pointers, columns, width)
    return found if pointers.dtype == columns.dtype else found.narrow()


def _kept(memo: dict[Hashable, Any], key: Hashable, compute: Callable[[], Cached]) -> Cached:
    if key not in memo:
        memo[key] = compute()
    found: Cached = memo[key]
    return found
