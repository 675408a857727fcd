"""The way of a tensor from the host to a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

MOST_PINNED = 2**26
"""Bytes of a tensor: larger ones move once per job, and torch would keep as much pinned memory for good."""

ALIGNED = 16
"""Bytes that kernels read at a time where a tensor begins at a multiple of them."""


def moved(x: Tensor, device: torch.device) -> Tensor:
    """X on the device: itself where it is there already.

    Goes to a GPU through pinned memory, so that the host need not wait for what the GPU is still doing: torch keeps the
    pinned copy, which nobody writes to, until it has been read.
    """
    if device.type == "cuda" and x.device.type == "cpu" and 0 < x.nbytes <= MOST_PINNED:
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def moved_together(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """The same of several, side by side in one copy: a step of many small ones is bound by their number."""
    *starts, end = accumulate((-(-x.nbytes // ALIGNED) * ALIGNED for x in tensors), initial=0)
    if device.type != "cuda" or any(x.device.type != "cpu" for x in tensors) or end > MOST_PINNED:
        return [moved(x, device) for x in tensors]
    room = torch.empty(end, dtype=torch.uint8)
    for x, start in zip(tensors, starts, strict=True):
        _part(room, start, x).copy_(x)
    there = moved(room, device)
    return [_part(there, start, x) for x, start in zip(tensors, starts, strict=True)]


def _part(room: Tensor, start: int, like: Tensor) -> Tensor:
    """The bytes from `start` on, read as a tensor of this type and shape."""
    flat = room[start : start + like.nbytes].view(like.dtype)
    return flat if like.dim() == 1 else flat.view(like.shape)
