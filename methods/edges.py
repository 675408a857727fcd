"""Kernels between the rows at the two ends of every edge, and the softmax over neighbours of their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from methods.contract import Batch, NotApplicableError
from methods.kernels import ANGULAR, TINY, angular, distant
from methods.sparse import csr, times

COLUMN_VALUES = 2**24
"""Values of a block of columns in products of pairs: 64 MiB in float32."""


@dataclass(frozen=True)
class Edges:
    """The edges of a batch in the order of `Batch.neighbours`, prepared for kernels of the rows at their two ends.

    Kernels are symmetric, so that i -> j and j -> i share the value of one unordered pair.

    Attributes:
        pointers [n + 1], targets [E]: CSR by target, and the target of each edge.
        pair [E]: the pair of each edge.
        pair_pointers [n + 1], lower [P], upper [P]: every unordered pair once, as CSR by its lower row.
        both_pointers [n + 1], both_columns [2P], both_pair [2P]: every pair in both directions, as CSR, and the pair
            of each entry.
    """

    pointers: Tensor
    targets: Tensor
    pair: Tensor
    pair_pointers: Tensor
    lower: Tensor
    upper: Tensor
    both_pointers: Tensor
    both_columns: Tensor
    both_pair: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    @classmethod
    def of(cls, batch: Batch) -> Edges:
        """Once per Batch object, whatever the number of methods that ask.

        Raises:
            NotApplicableError: no row ever has two neighbours to compare, so that local structure says nothing.
        """
        return batch.memo("methods.kernels.Edges", lambda: cls._build(batch))

    @classmethod
    def _build(cls, batch: Batch) -> Edges:
        pointers, sources = batch.neighbours
        if batch.constant and not bool((pointers.diff() > 1).any()):
            raise NotApplicableError("no distilled node has two neighbours among the distilled nodes")
        n = max(batch.rows, 1)
        nodes = torch.arange(batch.rows, device=sources.device)
        targets = torch.repeat_interleave(nodes, pointers.diff(), output_size=len(sources))
        pairs, pair = torch.unique(
            torch.minimum(targets, sources) * n + torch.maximum(targets, sources), return_inverse=True
        )
        lower, upper = pairs // n, pairs % n
        rows, columns = torch.cat([lower, upper]), torch.cat([upper, lower])
        order = torch.argsort(rows * n + columns)

        def begins(rows: Tensor) -> Tensor:
            found = torch.zeros_like(pointers)
            torch.cumsum(torch.bincount(rows, minlength=batch.rows), 0, out=found[1:])
            return found

        parts = (
            *(pointers, targets, pair),
            *(begins(lower), lower, upper),
            *(begins(rows), columns[order], order % max(len(pairs), 1)),
        )
        # Half the memory, and the type that the CPU's sparse library takes as it is.
        index = torch.int32 if max(len(rows), len(targets), batch.rows) < 2**31 else torch.int64
        return cls(*(part.to(index) for part in parts))


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
        products, squares = h.new_zeros(len(edges.upper)), h.new_zeros(n)

        def add(part: Tensor) -> Tensor:
            squares.add_(torch.linalg.vector_norm(part, dim=1).square_())
            pattern = csr(edges.pair_pointers, edges.upper, products, n)
            return torch.sparse.sampled_addmm(pattern, part, part.T).values()

        if ctx.mean is None:
            return add(h), squares
        for columns in _column_blocks(h):
            products = add(h[:, columns] - ctx.mean[columns])
        return products, squares

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (h,), edges = ctx.saved_tensors, ctx.edges
        # Both ends of a pair receive the other end's row: (G + G') h, with G the sparse matrix of gradients.
        values = upstream[0].index_select(0, edges.both_pair)
        weights = csr(edges.both_pointers, edges.both_columns, values, len(h))

        def pull(part: Tensor) -> Tensor:
            return times(weights, part).addcmul_(part, upstream[1][:, None], value=2)

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
    if kernel in ANGULAR:
        # Scaling P products by both lengths needs no [n, d] copy of unit rows.
        inverse = torch.rsqrt(squares + TINY)
        values = angular(products * inverse.index_select(0, edges.lower) * inverse.index_select(0, edges.upper), kernel)
    else:
        both = squares.index_select(0, edges.lower) + squares.index_select(0, edges.upper)
        values = distant(both, both - 2 * products, kernel)
    return values.index_select(0, edges.pair)


class _LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: Edges) -> Tensor:
        # `initial` only pads nodes without neighbours, whose value nobody reads.
        top = torch.segment_reduce(values, "max", offsets=edges.pointers, unsafe=True)
        shifted = values - top.index_select(0, edges.targets)
        total = torch.segment_reduce(shifted.exp(), "sum", offsets=edges.pointers, unsafe=True)
        result = shifted - total.log().index_select(0, edges.targets)
        ctx.edges = edges
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (result,), edges = ctx.saved_tensors, ctx.edges
        total = torch.segment_reduce(upstream[0].contiguous(), "sum", offsets=edges.pointers, unsafe=True)
        return upstream[0] - result.exp() * total.index_select(0, edges.targets), None


def neighbour_log_softmax(values: Tensor, edges: Edges) -> Tensor:
    """Log softmax [E] of edge values over the neighbours j of each target i."""
    return _LogSoftmax.apply(values, edges) if len(values) else values
