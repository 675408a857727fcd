"""Between rows and the entries of a sparse matrix: gathers to the entries, sums and softmaxes over those of a row."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from methods import gpu
from methods.sparse import Pattern, times


def at_rows(x: Tensor, pattern: Pattern) -> Tensor:
    """[n, d] -> [E, d]: the row of every entry."""
    return _gathered(x, pattern, pattern.rows, of_rows=True)


def at_columns(x: Tensor, pattern: Pattern) -> Tensor:
    """[m, d] -> [E, d]: the column of every entry."""
    return _gathered(x, pattern, pattern.columns, of_rows=False)


def _gathered(x: Tensor, pattern: Pattern, index: Tensor, of_rows: bool) -> Tensor:
    if x.device.type == "cpu":
        # By int64 the backward pass adds rows up ten times faster than by int32.
        return x.index_select(0, pattern.wide(of_rows))
    found: Tensor = _Gathered.apply(x, pattern, index, of_rows)
    return found


def _at(x: Tensor, index: Tensor) -> Tensor:
    """Rows of x, without a gradient."""
    return x.index_select(0, index) if x.device.type == "cpu" else gpu.gather(x, index)


class _Gathered(torch.autograd.Function):
    """A gather whose backward pass adds up the entries of a row side by side.

    That of torch sorts all entries on a GPU, at every step, where sums must repeat.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pattern: Pattern, index: Tensor, of_rows: bool) -> Tensor:
        ctx.pattern, ctx.of_rows = pattern, of_rows
        return _at(x, index)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:
        gradient, pattern = upstream[0].contiguous(), ctx.pattern
        if not ctx.of_rows:
            gradient, pattern = _at(gradient, pattern.order), pattern.transposed
        return _row_sums(gradient, pattern), None, None, None


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
    return values - _at(largest, pattern.rows)


def _row_sums(values: Tensor, pattern: Pattern) -> Tensor:
    """[E] or [E, H] values of the entries -> [n] or [n, H].

    Several columns are added up side by side by a product with ones, which takes 0.3 to 0.8 of the time of
    `segment_reduce`; for a single one that takes a half of the product's. The sums are the same to the last bit.
    """
    if values.dim() == 1:
        return torch.segment_reduce(values.contiguous(), "sum", offsets=pattern.pointers, unsafe=True)
    return times(pattern.entries, values.new_ones(len(values)), values)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, pattern: Pattern) -> Tensor:
        weights = _below_largest(values, pattern).exp_()
        weights /= _at(_row_sums(weights, pattern), pattern.rows)
        ctx.pattern = pattern
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (weights,) = ctx.saved_tensors
        weighted = weights * upstream[0]
        return weighted - weights * _at(_row_sums(weighted, ctx.pattern), ctx.pattern.rows), None


class _LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, pattern: Pattern) -> Tensor:
        below = _below_largest(values, pattern)
        result = below - _at(_row_sums(below.exp(), pattern).log(), pattern.rows)
        ctx.pattern = pattern
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        totals = _at(_row_sums(upstream[0], ctx.pattern), ctx.pattern.rows)
        return upstream[0] - result.exp() * totals, None
