"""Sums of pairwise terms by blocks of rows, so that no n x n matrix ever stands in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_ELEMENTS = {"cpu": 2**18, "cuda": 2**24}
"""Values of one block by device: 1 MiB in float32 stays in a core's cache, 64 MiB keeps a GPU busy."""

SMALLEST_BLOCK = 64
"""Rows below which updating the gradients of whole matrices, once per block, would cost more than the block itself."""


def blocks(rows: int, columns: int, device: torch.device, block: int | None = None) -> list[slice]:
    """Consecutive slices over `rows`, of `block` rows each; by default as many as fit BLOCK_ELEMENTS values."""
    size = block or max(BLOCK_ELEMENTS.get(device.type, 2**18) // max(columns, 1), SMALLEST_BLOCK)
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


class _Streamed(torch.autograd.Function):
    """Adds up a scalar over blocks and, in the same sweep, its gradients.

    The gradient of a sum is known as soon as each block's value is, so every block is differentiated and forgotten at
    once: unlike checkpointing nothing is computed twice, and what is kept is one gradient the size of each input.
    """

    @staticmethod
    def forward(
        ctx: Any, term: Callable[..., Tensor], slices: list[slice], split: int, differentiate: bool, *inputs: Tensor
    ) -> Tensor:
        wanted = [differentiate and need for need in ctx.needs_input_grad[4:]]
        gradients = [torch.zeros_like(x) if want else None for x, want in zip(inputs, wanted, strict=True)]
        whole = [x.detach().requires_grad_(want) for x, want in zip(inputs[split:], wanted[split:], strict=True)]
        total = inputs[0].new_zeros(())
        for rows in slices:
            own = [x[rows].detach().requires_grad_(want) for x, want in zip(inputs[:split], wanted, strict=False)]
            with torch.set_grad_enabled(any(wanted)):
                value = term(rows, *own, *whole)
            total += value.detach()
            sums = [None if g is None else (g[rows] if k < split else g) for k, g in enumerate(gradients)]
            _accumulate(value, [*own, *whole], sums)
        ctx.wanted = wanted
        ctx.save_for_backward(*(g for g in gradients if g is not None))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradients = iter(ctx.saved_tensors)
        return (None, None, None, None, *(next(gradients) * upstream[0] if want else None for want in ctx.wanted))


def _accumulate(value: Tensor, leaves: list[Tensor], sums: list[Tensor | None]) -> None:
    """Adds the gradient of a block's value to those sums that are not None."""
    pairs = [(leaf, total) for leaf, total in zip(leaves, sums, strict=True) if total is not None]
    if pairs:
        parts = torch.autograd.grad(value, [leaf for leaf, _ in pairs])
        for (_, total), part in zip(pairs, parts, strict=True):
            total.add_(part)


def streamed_sum(
    term: Callable[..., Tensor], slices: list[slice], blocked: Sequence[Tensor], whole: Sequence[Tensor]
) -> Tensor:
    """Sum over blocks of `term(rows, *(x[rows] for x in blocked), *whole)`, differentiable once in both.

    Args:
        term: scalar of one block; must not close over tensors that need a gradient.
        slices: of `blocks`.
        blocked: tensors [n, ...] of which a block sees its own rows.
        whole: tensors that every block sees entirely; one may stand in both lists.
    """
    total: Tensor = _Streamed.apply(term, slices, len(blocked), torch.is_grad_enabled(), *blocked, *whole)
    return total
