"""The kernels of `methods.gpu` in Triton, which torch brings along where it brings CUDA."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

ROWS = 8
"""Chunks of one program: on an H200 the fastest of 1, 4, 8 and 16 at widths from 16 to 256, or close to it."""
MOST_COLUMNS, FEWEST_COLUMNS = 64, 16
REDUCED_ROWS = 16
DOTTED = 64
GATHERED = 256


@triton.jit  # type: ignore[misc]
def _products(  # type: ignore[no-untyped-def]
    starts, stops, columns, values, dense, out, chunks, width, stride, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    chunk = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    place = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    here, inside = chunk < chunks, place < width
    start = tl.load(starts + chunk, mask=here, other=0)
    stop = tl.load(stops + chunk, mask=here, other=0)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for step in range(0, tl.max(stop - start, 0), 2):
        for twice in tl.static_range(2):
            entry = start + step + twice
            there = entry < stop
            column = tl.load(columns + entry, mask=there, other=0).to(tl.int64)
            value = tl.load(values + entry, mask=there, other=0.0)
            row = tl.load(
                dense + column[:, None] * stride + place[None, :], mask=there[:, None] & inside[None, :], other=0.0
            )
            total += value[:, None] * row
    tl.store(out + chunk.to(tl.int64)[:, None] * width + place[None, :], total, mask=here[:, None] & inside[None, :])


@triton.jit  # type: ignore[misc]
def _reduce(  # type: ignore[no-untyped-def]
    pointers, out, rows, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    place = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    here, inside = row < rows, place < width
    start = tl.load(pointers + row, mask=here, other=0)
    stop = tl.load(pointers + row + 1, mask=here, other=0)
    longest = tl.max(stop - start, 0)
    if longest > 0:
        long = here & (stop > start)
        at = row.to(tl.int64)[:, None] * width + place[None, :]
        total = tl.load(out + at, mask=long[:, None] & inside[None, :], other=0.0)
        for step in range(0, longest):
            chunk = start + step
            there = chunk < stop
            total += tl.load(
                out + (rows + chunk).to(tl.int64)[:, None] * width + place[None, :],
                mask=there[:, None] & inside[None, :],
                other=0.0,
            )
        tl.store(out + at, total, mask=long[:, None] & inside[None, :])


@triton.jit  # type: ignore[misc]
def _dots(  # type: ignore[no-untyped-def]
    rows,
    columns,
    left,
    right,
    out,
    entries,
    width,
    left_stride,
    right_stride,
    ENTRIES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    entry = tl.program_id(0) * ENTRIES + tl.arange(0, ENTRIES)
    here = entry < entries
    row = tl.load(rows + entry, mask=here, other=0).to(tl.int64)
    column = tl.load(columns + entry, mask=here, other=0).to(tl.int64)
    total = tl.zeros((ENTRIES,), dtype=tl.float32)
    for start in range(0, width, COLUMNS):
        place = start + tl.arange(0, COLUMNS)
        inside = here[:, None] & (place < width)[None, :]
        one = tl.load(left + row[:, None] * left_stride + place[None, :], mask=inside, other=0.0)
        other = tl.load(right + column[:, None] * right_stride + place[None, :], mask=inside, other=0.0)
        total += tl.sum(one * other, 1)
    tl.store(out + entry, total, mask=here)


@triton.jit  # type: ignore[misc]
def _gather(  # type: ignore[no-untyped-def]
    x, index, out, rows, width, stride, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    place = tl.arange(0, COLUMNS)
    inside = (row < rows)[:, None] & (place < width)[None, :]
    source = tl.load(index + row, mask=row < rows, other=0).to(tl.int64)
    found = tl.load(x + source[:, None] * stride + place[None, :], mask=inside, other=0.0)
    tl.store(out + row.to(tl.int64)[:, None] * width + place[None, :], found, mask=inside)


def gather(x: Tensor, index: Tensor) -> Tensor:
    """As `methods.gpu.gather`."""
    rows, width = len(index), x.shape[1]
    out = x.new_empty(rows, width)
    if rows and width:
        _gather[(triton.cdiv(rows, GATHERED),)](
            x, index, out, rows, width, x.stride(0), ROWS=GATHERED, COLUMNS=max(2, triton.next_power_of_2(width))
        )
    return out


def dots(rows: Tensor, columns: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """As `methods.gpu.dots`."""
    entries, width = len(columns), left.shape[1]
    out = left.new_empty(entries)
    if entries:
        _dots[(triton.cdiv(entries, DOTTED),)](
            rows,
            columns,
            left,
            right,
            out,
            entries,
            width,
            left.stride(0),
            right.stride(0),
            ENTRIES=DOTTED,
            COLUMNS=_block(width),
        )
    return out


def _block(width: int) -> Any:
    return max(FEWEST_COLUMNS, min(MOST_COLUMNS, triton.next_power_of_2(width)))


def product(starts: Tensor, stops: Tensor, further: Tensor, columns: Tensor, values: Tensor, dense: Tensor) -> Tensor:
    """As `methods.gpu.product`."""
    rows, chunks, width = len(further) - 1, len(starts), dense.shape[1]
    out = dense.new_empty(chunks, width)
    block = _block(width)
    across = triton.cdiv(width, block)
    _products[(triton.cdiv(chunks, ROWS), across)](
        starts, stops, columns, values, dense, out, chunks, width, dense.stride(0), ROWS=ROWS, COLUMNS=block
    )
    if chunks > rows:
        _reduce[(triton.cdiv(rows, REDUCED_ROWS), across)](further, out, rows, width, ROWS=REDUCED_ROWS, COLUMNS=block)
    return out[:rows]
