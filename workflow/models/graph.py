"""A homogeneous graph on a device, with the propagation matrices that networks ask of it, each built once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

from methods.sparse import csr, from_edges, rows_of
from workflow.models.propagation import Sparse

Cached = TypeVar("Cached")


class Graph:
    """Node features and CSR adjacency by target.

    Args:
        x: [n, f] features.
        pointers, sources: [n + 1] and [E]: sources j of the edges j -> i of every node i, without self-loops.
        transpose: the same of the reversed edges; None where the graph is symmetric.
        labels: [n] int64 classes that a network may see as input, `UNLABELED` outside the training split; None where
            there are none to see.
    """

    def __init__(
        self,
        x: Tensor,
        pointers: Tensor,
        sources: Tensor,
        transpose: tuple[Tensor, Tensor] | None = None,
        labels: Tensor | None = None,
    ) -> None:
        self.x = x
        self.pointers = pointers
        self.sources = sources
        self.transpose = transpose or (pointers, sources)
        self.symmetric = transpose is None
        self.labels = labels
        self.rows: slice | None = None
        """The nodes whose outputs are wanted; None for all. `at` sets them."""
        self._memo: dict[Hashable, Any] = {}
        self._structure: dict[Hashable, Any] = {}

    @property
    def nodes(self) -> int:
        return len(self.pointers) - 1

    def at(self, rows: slice | None) -> Graph:
        """This graph, of which a network answers for these nodes alone; everything else is shared."""
        view = copy.copy(self)
        view.rows = rows
        return view

    @property
    def whole(self) -> Graph:
        """This graph with all nodes wanted, as hidden layers need it."""
        return self.at(None)

    def wanted(self, x: Tensor) -> Tensor:
        """The wanted rows of [n, d]."""
        return x if self.rows is None else x[self.rows]

    def memo(self, key: Hashable, compute: Callable[[], Cached]) -> Cached:
        """`compute()` once a graph: for constants such as A X."""
        if key not in self._memo:
            self._memo[key] = compute()
        return self._memo[key]

    def memo_structure(self, key: Hashable, compute: Callable[[], Cached]) -> Cached:
        """As `memo`, for what depends on the edges alone: `forget` keeps it."""
        if key not in self._structure:
            self._structure[key] = compute()
        return self._structure[key]

    def forget(self) -> None:
        """Drops the memoised constants; the propagation matrices stay, as a server would keep them."""
        self._memo.clear()

    @property
    def looped(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Adjacency with one self-loop a node, and its transpose, as (pointers, sources) each."""
        return self.memo_structure("looped", self._looped)

    def _looped(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        with_loops = _add_loops(self.pointers, self.sources)
        return with_loops, with_loops if self.symmetric else _add_loops(*self.transpose)

    @property
    def gcn(self) -> Sparse:
        """The wanted rows of D^-1/2 (A + I) D^-1/2, D the in-degree of A + I (Kipf and Welling, ICLR 2017, eq. 2)."""
        return self._wanted_rows("gcn", self._gcn)

    def _gcn(self) -> Sparse:
        (pointers, sources), (back_pointers, back_sources) = self.looped
        scale = (pointers[1:] - pointers[:-1]).to(self.x.dtype).pow(-0.5)

        def build(rows: Tensor, columns: Tensor) -> Tensor:
            return csr(rows, columns, scale[rows_of(rows)] * scale[columns.long()], self.nodes)

        forward = build(pointers, sources)
        return Sparse(forward, forward if self.symmetric else build(back_pointers, back_sources))

    @property
    def mean(self) -> Sparse:
        """The wanted rows of D^-1 A: means over in-neighbours, 0 without any (Hamilton et al., NeurIPS 2017)."""
        return self._wanted_rows("mean", self._mean)

    def _mean(self) -> Sparse:
        degree = (self.pointers[1:] - self.pointers[:-1]).to(self.x.dtype).clamp(min=1)
        pointers, sources = self.transpose
        return Sparse(
            csr(self.pointers, self.sources, (1 / degree)[rows_of(self.pointers)], self.nodes),
            csr(pointers, sources, (1 / degree)[sources.long()], self.nodes),
        )

    def _wanted_rows(self, name: str, build: Callable[[], Sparse]) -> Sparse:
        matrix = self.memo_structure(name, build)
        if self.rows is None:
            return matrix
        start, stop = self.rows.start, self.rows.stop
        backward = torch.is_grad_enabled()
        return self.memo_structure((name, start, stop, backward), lambda: matrix.part(start, stop, backward))


def _add_loops(pointers: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
    nodes = len(pointers) - 1
    every = torch.arange(nodes, device=pointers.device)
    return from_edges(torch.cat([sources.long(), every]), torch.cat([rows_of(pointers), every]), nodes)
