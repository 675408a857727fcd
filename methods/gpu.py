"""Sparse products on a GPU that give the same bits every time, which cuSPARSE's do not.

A row of many entries is cut into chunks, so that a node of 10,000 neighbours keeps no one waiting; the sums of a row's
chunks are then added up in their order. Nothing here asks the device for a size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

CHUNK = 256
"""Entries; the products of 64 are as fast on an H200, but leave more sums to be added up."""


SHORT = 32
"""Columns of a short row."""


@dataclass(frozen=True, eq=False)
class Chunks:
    """The entries of a matrix [n, m] in chunks: the first one of every row, then all further ones, row after row.

    Attributes:
        starts, stops: [n + k] first entry of each chunk, and the one after its last; k is E // CHUNK, of which those
            that are not needed are empty.
        further: [n + 1] where the further chunks of each row begin, counted from the first of them.
    """

    starts: Tensor
    stops: Tensor
    further: Tensor

    @classmethod
    def of(cls, pointers: Tensor, entries: int) -> Chunks:
        """The chunks of a matrix of so many entries."""
        first, last = pointers[:-1], pointers[1:]
        beyond = (last - first - 1).clamp(min=0) // CHUNK
        further = torch.zeros_like(pointers)
        torch.cumsum(beyond, 0, out=further[1:])
        number = torch.arange(entries // CHUNK, dtype=pointers.dtype, device=pointers.device)
        row = torch.searchsorted(further, number, right=True) - 1
        needed = row < len(first)  # past the last further chunk lies no row
        row = row.clamp(max=max(len(first) - 1, 0))
        start = first[row] + CHUNK * (number - further[row] + 1)
        stop = torch.minimum(start + CHUNK, last[row])
        starts = torch.cat([first, torch.where(needed, start, 0)])
        stops = torch.cat([torch.minimum(last, first + CHUNK), torch.where(needed, stop, 0)])
        return cls(starts, stops, further)

    @classmethod
    def uncut(cls, pointers: Tensor, zeros: Tensor) -> Chunks:
        """Those of a matrix whose rows have `CHUNK` entries at most, without any kernel.

        Args:
            zeros: [n + 1 or more] of the type of the pointers.
        """
        return cls(pointers[:-1], pointers[1:], zeros[: len(pointers)])


@cache
def compiled() -> bool:
    """Whether there is a compiler for the kernels."""
    return find_spec("triton") is not None


def product(chunks: Chunks, pointers: Tensor, columns: Tensor, values: Tensor, dense: Tensor) -> Tensor:
    """Sparse [n, m] @ dense [m, d] -> [n, d] in float32.

    An operator of its own, so that those who count what a network does see it.
    """
    dense = dense if dense.stride(1) == 1 else dense.contiguous()
    found: Tensor = OPERATOR(chunks.starts, chunks.stops, chunks.further, pointers, columns, values, dense)
    return found


def gather(x: Tensor, index: Tensor) -> Tensor:
    """Rows of x [n, d], without a gradient.

    torch gives every row a block of threads, which takes 1.5 ms for 2.5 million rows of 16 bytes on an H200.
    """
    if x.dim() != 2 or x.shape[1] > SHORT or x.dtype != torch.float32 or not compiled():
        return x.index_select(0, index)
    from methods import triton_kernels

    return triton_kernels.gather(x if x.stride(1) == 1 else x.contiguous(), index)


def dots(rows: Tensor, columns: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """left[rows[e]] . right[columns[e]] of every entry e: [n, d], [m, d] -> [E], in float32; needs `compiled()`."""
    from methods import triton_kernels

    left, right = (x if x.stride(1) == 1 else x.contiguous() for x in (left, right))
    return triton_kernels.dots(rows, columns, left, right)


def bag(pointers: Tensor, columns: Tensor, values: Tensor, dense: Tensor) -> Tensor:
    """The same by the kernel of `embedding_bag`, which fetches a row's entries one after the other.

    On CPU it fetches the rows that come next while it adds up the present ones, which a random access to a large matrix
    needs most: it takes a half of the time of the CSR product.
    """
    return torch.nn.functional.embedding_bag(
        columns, dense, pointers, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def _on_gpu(
    starts: Tensor, stops: Tensor, further: Tensor, pointers: Tensor, columns: Tensor, values: Tensor, dense: Tensor
) -> Tensor:
    if not compiled():
        return bag(pointers, columns, values, dense.contiguous())
    from methods import triton_kernels

    return triton_kernels.product(starts, stops, further, columns, values, dense)


def _on_cpu(
    starts: Tensor, stops: Tensor, further: Tensor, pointers: Tensor, columns: Tensor, values: Tensor, dense: Tensor
) -> Tensor:
    """By chunks, as on a GPU: how the cut is tested where there is none."""
    rows = len(further) - 1
    lengths = (stops - starts).long()
    offsets = torch.zeros(len(lengths) + 1, dtype=torch.int64)
    torch.cumsum(lengths, 0, out=offsets[1:])
    every = torch.arange(int(offsets[-1]))
    chunk = torch.repeat_interleave(lengths)
    entry = starts.long()[chunk] + every - offsets[chunk]
    sums = bag(offsets, columns.long()[entry], values[entry], dense.contiguous())
    of_row = torch.repeat_interleave(further.long().diff())
    return sums[:rows].index_add(0, of_row, sums[rows : rows + len(of_row)])


_LIBRARY = torch.library.Library("abkd", "DEF")
_LIBRARY.define(
    "product(Tensor starts, Tensor stops, Tensor further, Tensor pointers, Tensor columns, Tensor values, Tensor dense)"
    " -> Tensor"
)
_LIBRARY.impl("product", _on_gpu, "CUDA")
_LIBRARY.impl("product", _on_cpu, "CPU")
OPERATOR = torch.ops.abkd.product
