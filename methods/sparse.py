"""The one place where a sparse matrix meets a dense one."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

# torch warns once a process that its CSR type may still grow; nothing used here has changed for years.
warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)


def csr(pointers: Tensor, columns: Tensor, values: Tensor, width: int) -> Tensor:
    """A CSR tensor [len(pointers) - 1, width] without re-checking its indices."""
    shape = (len(pointers) - 1, width)
    return torch.sparse_csr_tensor(pointers, columns, values, size=shape, check_invariants=False)


def times(matrix: Tensor, dense: Tensor) -> Tensor:
    """CSR matrix [n, m] @ dense [m, d] -> [n, d], without a gradient.

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
