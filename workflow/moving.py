"""The way of a tensor from the host to a GPU."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_PINNED = 2**26
"""Bytes of a tensor: larger ones move once per job, and torch would keep as much pinned memory for good."""


def moved(x: Tensor, device: torch.device) -> Tensor:
    """X on the device: itself where it is there already.

    Goes to a GPU through pinned memory, so that the host need not wait for what the GPU is still doing: torch keeps the
    pinned copy, which nobody writes to, until it has been read.
    """
    if device.type == "cuda" and x.device.type == "cpu" and 0 < x.nbytes <= MOST_PINNED:
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)
