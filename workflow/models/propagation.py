"""Constant sparse matrices that gradients pass through.

Stored as CSR with int32 indices where they fit (half the memory traffic, and the type that the CPU's sparse library
takes as it is). The backward pass multiplies by the transpose, which a symmetric matrix shares with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from methods.sparse import csr, times


@dataclass(frozen=True)
class Sparse:
    """A constant matrix M [n, m] and its transpose, as CSR tensors.

    `transpose` may be None where no gradient is ever asked for, which halves the memory.
    """

    forward: Tensor
    transpose: Tensor | None

    def __matmul__(self, dense: Tensor) -> Tensor:
        """M @ dense: [m, d] -> [n, d], differentiable in `dense`."""
        return _Product.apply(dense, self)

    def rows(self, start: int, stop: int) -> Tensor:
        """The rows start <= i < stop as a CSR tensor that shares its entries; for products without gradients."""
        pointers = self.forward.crow_indices()[start : stop + 1]
        first, last = int(pointers[0]), int(pointers[-1])
        return csr(
            pointers - pointers[0],
            self.forward.col_indices()[first:last],
            self.forward.values()[first:last],
            self.forward.shape[1],
        )

    def part(self, start: int, stop: int, backward: bool) -> Sparse:
        """The rows start <= i < stop.

        Args:
            backward: whether gradients will be asked for: the columns of the transpose are then copied.
        """
        forward = self.rows(start, stop)
        if self.transpose is None or not backward:
            return Sparse(forward, None)
        pointers, columns = self.transpose.crow_indices(), self.transpose.col_indices()
        kept = (columns >= start) & (columns < stop)
        before = torch.zeros(len(kept) + 1, dtype=pointers.dtype, device=pointers.device)
        torch.cumsum(kept, 0, out=before[1:])
        back = csr(before[pointers.long()], columns[kept] - start, self.transpose.values()[kept], stop - start)
        return Sparse(forward, back)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Sparse) -> Tensor:  # type: ignore[override]
        ctx.matrix = matrix
        return times(matrix.forward, dense)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        if ctx.matrix.transpose is None:
            raise ValueError("a gradient is asked of a sparse matrix that was built without its transpose")
        return times(ctx.matrix.transpose, gradient.contiguous()), None
