"""The one place where a constant sparse matrix meets a dense one.

Stored as CSR with int32 indices where they fit (half the memory traffic, and the type that the CPU's sparse library
takes as it is). The backward pass multiplies by the transpose, which a symmetric matrix shares with itself.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")


def csr(pointers: Tensor, columns: Tensor, values: Tensor, width: int) -> Tensor:
    """A CSR tensor [len(pointers) - 1, width] without re-checking its indices."""
    shape = (len(pointers) - 1, width)
    return torch.sparse_csr_tensor(pointers, columns, values, size=shape, check_invariants=False)


@dataclass(frozen=True)
class Sparse:
    """A constant matrix M [n, m] and its transpose, as CSR tensors."""

    forward: Tensor
    transpose: Tensor

    def __matmul__(self, dense: Tensor) -> Tensor:
        """M @ dense: [m, d] -> [n, d], differentiable in `dense`."""
        return _Product.apply(dense, self)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Sparse) -> Tensor:  # type: ignore[override]
        ctx.matrix = matrix
        return matrix.forward @ dense

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return ctx.matrix.transpose @ gradient.contiguous(), None


def rows_of(pointers: Tensor) -> Tensor:
    """[E] int64 row of every stored entry."""
    counts = (pointers[1:] - pointers[:-1]).long()
    return torch.repeat_interleave(torch.arange(len(counts), device=pointers.device), counts)


def from_edges(source: Tensor, target: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """CSR by target of edges j -> i (both [E] int64): (pointers [n + 1], sources [E]), int32 where they fit."""
    order = torch.argsort(target * nodes + source)
    index = torch.int32 if max(len(source), nodes) < 2**31 else torch.int64
    pointers = torch.zeros(nodes + 1, dtype=torch.int64, device=source.device)
    torch.cumsum(torch.bincount(target, minlength=nodes), 0, out=pointers[1:])
    return pointers.to(index), source[order].to(index)
