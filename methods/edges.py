"""Kernels between the rows at the two ends of every edge, and the softmax over neighbours of their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from methods.contract import Batch, NotApplicableError
from methods.kernels import ANGULAR, TINY, angular, distant
from methods.segments import segment_log_softmax
from methods.sparse import Entries, Pattern, compressed, dots, pointers_of, rows_of

COLUMN_VALUES = 2**24
"""Values of a block of columns in products of pairs: 64 MiB in float32."""


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges of a batch in the order of `Batch.neighbours`, prepared for kernels of the rows at their two ends.

    Kernels are symmetric, so that i -> j and j -> i share the value of one unordered pair.

    Attributes:
        neighbours: row i holds, for every edge j -> i, the pair of i and j.
        pairs: every one of the P unordered pairs once: its upper end, in the row of its lower end.
        both: every pair in both directions: either end in the row of the other.
        both_pair: [2 P] the pair of each entry of `both`.
    """

    neighbours: Pattern
    pairs: Pattern
    both: Pattern
    both_pair: Tensor

    def __len__(self) -> int:
        return len(self.neighbours.columns)

    @classmethod
    def of(cls, batch: Batch) -> Edges:
        """Computed once per Batch object, however many methods ask.

        Raises:
            NotApplicableError: no row ever has two neighbours to compare, so that local structure says nothing.
        """
        return batch.memo(cls, "edges", lambda: cls._build(batch))

    @classmethod
    def _build(cls, batch: Batch) -> Edges:
        n = batch.rows
        pointers, sources = batch.neighbours
        if batch.constant and not bool((pointers.diff() > 1).any()):
            raise NotApplicableError("no distilled node has two neighbours among the distilled nodes")
        targets = rows_of(pointers, len(sources))
        keys = torch.minimum(targets, sources) * n + torch.maximum(targets, sources)
        found, pair = torch.unique(keys, return_inverse=True)
        lower, upper = found // max(n, 1), found % max(n, 1)
        both, order = compressed(torch.cat([lower, upper]), torch.cat([upper, lower]), n, n)
        return cls(
            Pattern(pointers, pair, len(found)).narrow(),
            Pattern(pointers_of(torch.bincount(lower, minlength=n)), upper, n).narrow(),
            both,
            (order % max(len(found), 1)).to(both.columns.dtype),
        )


class _PairProducts(torch.autograd.Function):
    """h_i . h_j [P] of every pair and ||h_i||^2 [n] of every row, after the mean row is removed (`centred`) or not.

    A sampled dense-dense product forward, one sparse product backward; the squares and the centring are part of it
    because their gradients then need no [n, d] tensor of their own. Centred columns are made when they are needed, a
    block at a time, so that a large graph has no centred copy of its rows.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, edges: Edges, centred: bool) -> tuple[Tensor, Tensor]:
        ctx.edges, ctx.mean = edges, h.mean(0) if centred else None
        ctx.save_for_backward(h)
        n = len(h)
        products, squares = h.new_zeros(len(edges.pairs.columns)), h.new_zeros(n)

        def add(part: Tensor) -> Tensor:
            squares.add_(torch.linalg.vector_norm(part, dim=1).square_())
            return dots(edges.pairs, part, part)

        if ctx.mean is None:
            return add(h), squares
        for columns in _column_blocks(h):
            products += add(h[:, columns] - ctx.mean[columns])
        return products, squares

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (h,), edges = ctx.saved_tensors, ctx.edges
        # Both ends of a pair receive the other end's row: (G + G') h, with G the sparse matrix of gradients.
        weights = Entries(edges.both, upstream[0].index_select(0, edges.both_pair))

        def pull(part: Tensor) -> Tensor:
            return (weights @ part).addcmul_(part, upstream[1][:, None], value=2)

        if ctx.mean is None:
            return pull(h), None, None
        gradient = torch.empty_like(h)
        for columns in _column_blocks(h):
            gradient[:, columns] = pull(h[:, columns] - ctx.mean[columns])
        gradient -= gradient.mean(0)
        return gradient, None, None


def _column_blocks(h: Tensor) -> list[slice]:
    """All columns at once where they are few values; else some at a time."""
    n, d = h.shape
    size = max(COLUMN_VALUES // max(n, 1), 16)
    return [slice(start, min(start + size, d)) for start in range(0, d, size)]


def edgewise(h: Tensor, edges: Edges, kernel: str) -> Tensor:
    """Values k(h_i, h_j) [E] of the edges j -> i, in the order of `edges`, for raw rows h [n, d]."""
    if len(edges) == 0:
        return h.sum(1)[:0]
    products, squares = _PairProducts.apply(h, edges, kernel not in ANGULAR)
    lower, upper = edges.pairs.rows, edges.pairs.columns
    if kernel in ANGULAR:
        # Scaling P products by both lengths needs no [n, d] copy of unit rows.
        inverse = torch.rsqrt(squares + TINY)
        values = angular(products * inverse.index_select(0, lower) * inverse.index_select(0, upper), kernel)
    else:
        both = squares.index_select(0, lower) + squares.index_select(0, upper)
        values = distant(both, both - 2 * products, kernel)
    return values.index_select(0, edges.neighbours.columns)


def neighbour_log_softmax(values: Tensor, edges: Edges) -> Tensor:
    """Log softmax [E] of edge values over the neighbours j of each target i."""
    return segment_log_softmax(values, edges.neighbours)
