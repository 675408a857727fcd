"""Compressed sparse rows (CSR): pointers, transposes and products.

A `Pattern` says where entries stand. Their values come with a call and may carry gradients (`product`), or are constant
(`Entries`, `Matrix`). Nothing of the size of entries times columns is ever built.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from methods import gpu

# torch warns once per process that its CSR type may still grow; nothing used here has changed for years.
warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
warnings.filterwarnings("ignore", "Sparse invariant checks are implicitly disabled", UserWarning)


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
        cut: `chunks`, where they are known already.
    """

    pointers: Tensor
    columns: Tensor
    width: int
    cut: gpu.Chunks | None = None

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

    def wide(self, of_rows: bool) -> Tensor:
        """[E] int64 row, or column, of every entry."""
        return self._wide[0 if of_rows else 1]

    @cached_property
    def _wide(self) -> tuple[Tensor, Tensor]:
        return self.rows.long(), self.columns.long()

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

    @cached_property
    def chunks(self) -> gpu.Chunks:
        """How a GPU takes the entries."""
        return self.cut or gpu.Chunks.of(self.pointers, len(self.columns))

    @cached_property
    def entries(self) -> Pattern:
        """[n, E]: row i holds the numbers of its own entries, for sums over them."""
        every = torch.arange(len(self.columns), dtype=self.pointers.dtype, device=self.pointers.device)
        return Pattern(self.pointers, every, len(self.columns), None if every.device.type == "cpu" else self.chunks)

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
    if rows.device.type == "cpu":
        pointers = pointers_of(torch.bincount(rows, minlength=height))
    else:  # a GPU would have to tell the host the largest row
        pointers = torch.searchsorted(rows[order], torch.arange(height + 1, device=rows.device))
    return Pattern(pointers, columns[order], width).narrow(), order


# --- products -------------------------------------------------------------------------------------------------------


def times(pattern: Pattern, values: Tensor, dense: Tensor) -> Tensor:
    """The matrix [n, m] of these values [E] @ dense [m, d] -> [n, d], without a gradient."""
    values, dense = values.detach(), dense.detach()
    if dense.dtype == torch.float32 and pattern.height and dense.shape[1]:
        if dense.device.type != "cpu":
            return gpu.product(pattern.chunks, pattern.pointers, pattern.columns, values, dense)
        return gpu.bag(pattern.pointers, pattern.columns, values, dense)
    # Written where it stays: `@` makes a second [n, d] and copies it.
    out = dense.new_zeros(pattern.height, dense.shape[1])
    return torch.addmm(out, pattern.matrix(values), dense, beta=0, out=out)


def dots(pattern: Pattern, left: Tensor, right: Tensor) -> Tensor:
    """left[i] . right[j] of every entry (i, j): [n, d], [m, d] -> [E], without a gradient."""
    if left.device.type != "cpu" and left.dtype == torch.float32 and gpu.compiled():
        return gpu.dots(pattern.rows, pattern.columns, left.detach(), right.detach())
    places = pattern.matrix(left.new_zeros(len(pattern.columns)))
    found: Tensor = torch.sparse.sampled_addmm(places, left, right.t()).values()
    return found


@dataclass(frozen=True, eq=False)
class Entries:
    """A constant matrix [n, m]: where its entries stand, and their values [E]."""

    pattern: Pattern
    values: Tensor

    def __matmul__(self, dense: Tensor) -> Tensor:
        """[m, d] -> [n, d], without a gradient."""
        return times(self.pattern, self.values, dense)

    def to_dense(self) -> Tensor:
        """[n, m]."""
        return self.pattern.matrix(self.values).to_dense()


@dataclass(frozen=True, eq=False)
class Matrix:
    """A constant matrix [n, m] and its transpose.

    `transpose` is None where no gradient is ever asked for, which halves the memory.
    """

    forward: Entries
    transpose: Entries | None

    def __matmul__(self, dense: Tensor) -> Tensor:
        """[m, d] -> [n, d], differentiable in `dense`."""
        result: Tensor = _ConstantProduct.apply(dense, self)
        return result

    def part(self, start: int, stop: int, backward: bool) -> Matrix:
        """The rows start <= i < stop; the entries of `forward` are shared.

        Args:
            backward: whether gradients will be asked for: the columns of the transpose are then copied.
        """
        whole = self.forward.pattern
        pointers = whole.pointers[start : stop + 1]
        first, last = int(pointers[0]), int(pointers[-1])
        places = Pattern(pointers - pointers[0], whole.columns[first:last], whole.width)
        forward = Entries(places, self.forward.values[first:last])
        if self.transpose is None or not backward:
            return Matrix(forward, None)
        turned = self.transpose.pattern
        kept = (turned.columns >= start) & (turned.columns < stop)
        before = pointers_of(kept, turned.pointers.dtype)
        back = Pattern(before[turned.pointers.long()], turned.columns[kept] - start, stop - start)
        return Matrix(forward, Entries(back, self.transpose.values[kept]))


class _ConstantProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Matrix) -> Tensor:
        ctx.matrix = matrix
        return matrix.forward @ dense

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        if ctx.matrix.transpose is None:
            raise ValueError("a gradient is asked of a sparse matrix that was built without its transpose")
        return ctx.matrix.transpose @ upstream[0].contiguous(), None


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
        return times(pattern, values.contiguous(), dense.contiguous())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (values, dense), pattern = ctx.saved_tensors, ctx.pattern
        gradient = upstream[0].contiguous()
        of_values, of_dense = None, None
        if ctx.needs_input_grad[0]:
            of_values = dots(pattern, gradient, dense)
        if ctx.needs_input_grad[1]:
            of_dense = times(pattern.transposed, values.index_select(0, pattern.order), gradient)
        return of_values, of_dense, None
