"""Compressed sparse rows (CSR): pointers, transposes, products, and softmaxes over the entries of a row.

A `Pattern` says where entries stand. Their values come with a call and may carry gradients (`product`,
`segment_softmax`), or are constant (`Matrix`). Nothing of the size of entries times columns is ever built.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# torch warns once per process that its CSR type may still grow; nothing used here has changed for years.
warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)


def pointers_of(counts: Tensor, dtype: torch.dtype = torch.int64) -> Tensor:
    """[n] entries of each row -> [n + 1]: where each row begins, and where the last one ends."""
    pointers = torch.zeros(len(counts) + 1, dtype=dtype, device=counts.device)
    torch.cumsum(counts, 0, out=pointers[1:])
    return pointers


def rows_of(pointers: Tensor, entries: int | None = None) -> Tensor:
    """[n + 1] pointers -> [E] row of every entry, in the type of the pointers.

    Args:
        entries: E, where it is known: a GPU then need not tell it to the host.
    """
    every = torch.arange(len(pointers) - 1, dtype=pointers.dtype, device=pointers.device)
    return torch.repeat_interleave(every, pointers.diff(), output_size=entries)


@dataclass(frozen=True, eq=False)
class Pattern:
    """The places of the entries of a sparse matrix [n, m], row after row.

    Of a graph: row i holds the sources j of the edges j -> i.

    Attributes:
        pointers: [n + 1]; the entries of row i are pointers[i] to pointers[i + 1] - 1.
        columns: [E] column of every entry.
        width: m.
    """

    pointers: Tensor
    columns: Tensor
    width: int

    @property
    def height(self) -> int:
        return len(self.pointers) - 1

    @property
    def counts(self) -> Tensor:
        """[n] entries of every row."""
        return self.pointers.diff()

    @cached_property
    def rows(self) -> Tensor:
        """[E] row of every entry."""
        return rows_of(self.pointers, len(self.columns))

    @property
    def transposed(self) -> Pattern:
        """The pattern [m, n] of the transpose, rows ascending within a column."""
        return self._by_column[0]

    @property
    def order(self) -> Tensor:
        """[E] int64: where each entry of `transposed` stands in this pattern."""
        return self._by_column[1]

    @cached_property
    def _by_column(self) -> tuple[Pattern, Tensor]:
        return compressed(self.columns.long(), self.rows.long(), self.width, self.height)

    def matrix(self, values: Tensor) -> Tensor:
        """The CSR tensor [n, m] of these values [E], without re-checking the indices."""
        shape = (self.height, self.width)
        return torch.sparse_csr_tensor(self.pointers, self.columns, values, size=shape, check_invariants=False)

    def narrow(self) -> Pattern:
        """With int32 indices where they fit: half the memory traffic, and what the CPU's library takes as it is."""
        small = max(len(self.columns), self.height, self.width) < 2**31
        index = torch.int32 if small else torch.int64
        return Pattern(self.pointers.to(index), self.columns.to(index), self.width)


def compressed(rows: Tensor, columns: Tensor, height: int, width: int) -> tuple[Pattern, Tensor]:
    """Entries ([E] int64 rows and columns, in any order) sorted by row, then by column.

    Returns:
        Their pattern [height, width], and [E] int64: where each of its entries stood before.
    """
    order = torch.argsort(rows * width + columns)
    pointers = pointers_of(torch.bincount(rows, minlength=height))
    return Pattern(pointers, columns[order], width).narrow(), order


# --- products -------------------------------------------------------------------------------------------------------


def times(matrix: Tensor, dense: Tensor) -> Tensor:
    """CSR tensor [n, m] @ dense [m, d] -> [n, d], without a gradient.

    On CPU the kernel of `embedding_bag` fetches the rows that come next while it adds up the present ones, which a
    random access to a large matrix needs most: it takes a half of the time of the CSR product.
    """
    if dense.device.type == "cpu" and dense.dtype == torch.float32 and len(matrix):
        return torch.nn.functional.embedding_bag(
            matrix.col_indices(),
            dense.detach(),
            matrix.crow_indices(),
            mode="sum",
            per_sample_weights=matrix.values().detach(),
            include_last_offset=True,
        )
    # Written where it stays: `@` makes a second [n, d] and copies it.
    out = dense.new_zeros(matrix.shape[0], dense.shape[1])
    return torch.addmm(out, matrix, dense, beta=0, out=out)


@dataclass(frozen=True, eq=False)
class Matrix:
    """A constant matrix [n, m] and its transpose, as CSR tensors.

    `transpose` is None where no gradient is ever asked for, which halves the memory.
    """

    forward: Tensor
    transpose: Tensor | None

    def __matmul__(self, dense: Tensor) -> Tensor:
        """[m, d] -> [n, d], differentiable in `dense`."""
        result: Tensor = _ConstantProduct.apply(dense, self)
        return result

    def part(self, start: int, stop: int, backward: bool) -> Matrix:
        """The rows start <= i < stop; the entries of `forward` are shared.

        Args:
            backward: whether gradients will be asked for: the columns of the transpose are then copied.
        """
        pointers = self.forward.crow_indices()[start : stop + 1]
        first, last = int(pointers[0]), int(pointers[-1])
        places = Pattern(pointers - pointers[0], self.forward.col_indices()[first:last], self.forward.shape[1])
        forward = places.matrix(self.forward.values()[first:last])
        if self.transpose is None or not backward:
            return Matrix(forward, None)
        pointers, columns = self.transpose.crow_indices(), self.transpose.col_indices()
        kept = (columns >= start) & (columns < stop)
        before = pointers_of(kept, pointers.dtype)
        back = Pattern(before[pointers.long()], columns[kept] - start, stop - start)
        return Matrix(forward, back.matrix(self.transpose.values()[kept]))


class _ConstantProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Matrix) -> Tensor:
        ctx.matrix = matrix
        return times(matrix.forward, dense)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        if ctx.matrix.transpose is None:
            raise ValueError("a gradient is asked of a sparse matrix that was built without its transpose")
        return times(ctx.matrix.transpose, upstream[0].contiguous()), None


def product(values: Tensor, dense: Tensor, pattern: Pattern) -> Tensor:
    """out[i] = sum over the entries e of row i of values[e] * dense[columns[e]]: [E], [m, d] -> [n, d].

    Differentiable in the values and in the dense factor; the transpose is built where its gradient is asked for.
    """
    result: Tensor = _Product.apply(values, dense, pattern)
    return result


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, dense: Tensor, pattern: Pattern) -> Tensor:
        ctx.pattern = pattern
        ctx.save_for_backward(values, dense if ctx.needs_input_grad[0] else None)
        return times(pattern.matrix(values.contiguous()), dense.contiguous())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (values, dense), pattern = ctx.saved_tensors, ctx.pattern
        gradient = upstream[0].contiguous()
        of_values, of_dense = None, None
        if ctx.needs_input_grad[0]:
            places = pattern.matrix(values.new_zeros(len(values)))
            of_values = torch.sparse.sampled_addmm(places, gradient, dense.t()).values()
        if ctx.needs_input_grad[1]:
            of_dense = times(pattern.transposed.matrix(values.index_select(0, pattern.order)), gradient)
        return of_values, of_dense, None


# --- softmaxes over the entries of a row ----------------------------------------------------------------------------


def segment_softmax(values: Tensor, pattern: Pattern) -> Tensor:
    """[E] or [E, H] values of the entries -> weights that add up to 1 over every row."""
    result: Tensor = _Softmax.apply(values, pattern) if len(values) else values
    return result


def segment_log_softmax(values: Tensor, pattern: Pattern) -> Tensor:
    """The logarithm of `segment_softmax`."""
    result: Tensor = _LogSoftmax.apply(values, pattern) if len(values) else values
    return result


def _below_largest(values: Tensor, pattern: Pattern) -> Tensor:
    """Every value minus the largest one of its row; that of an empty row is -inf, which nobody reads."""
    largest = torch.segment_reduce(values, "max", offsets=pattern.pointers, axis=0, unsafe=True)
    return values - largest.index_select(0, pattern.rows)


def _row_sums(values: Tensor, pattern: Pattern) -> Tensor:
    """[E] or [E, H] values of the entries -> [n] or [n, H].

    Several columns are added up side by side by a product with ones, which takes 0.3 to 0.8 of the time of
    `segment_reduce`; for a single one that takes a half of the product's. The sums are the same to the last bit.
    """
    if values.dim() == 1:
        return torch.segment_reduce(values.contiguous(), "sum", offsets=pattern.pointers, unsafe=True)
    entries = torch.arange(len(values), dtype=pattern.pointers.dtype, device=values.device)
    return times(Pattern(pattern.pointers, entries, len(values)).matrix(values.new_ones(len(values))), values)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, pattern: Pattern) -> Tensor:
        weights = _below_largest(values, pattern).exp_()
        weights /= _row_sums(weights, pattern).index_select(0, pattern.rows)
        ctx.pattern = pattern
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (weights,) = ctx.saved_tensors
        weighted = weights * upstream[0]
        return weighted - weights * _row_sums(weighted, ctx.pattern).index_select(0, ctx.pattern.rows), None


class _LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, pattern: Pattern) -> Tensor:
        below = _below_largest(values, pattern)
        result = below - _row_sums(below.exp(), pattern).log().index_select(0, pattern.rows)
        ctx.pattern = pattern
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        totals = _row_sums(upstream[0], ctx.pattern).index_select(0, ctx.pattern.rows)
        return upstream[0] - result.exp() * totals, None
