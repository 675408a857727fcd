"""Tensors that may be larger than the memory: what is large lies in an unnamed file and is mapped."""

from __future__ import annotations

import tempfile
from math import prod

import torch
from torch import Tensor

MAPPED_FROM = 2**28
"""Bytes of the smallest tensor that lies in a file."""


def empty(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor on the host to be filled; rows that are never written take no room.

    The file lies in Python's temporary folder (TMPDIR) and is gone with the tensor, or with the process.
    """
    size = prod(shape)
    if size * dtype.itemsize < MAPPED_FROM:
        return torch.empty(shape, dtype=dtype)
    with tempfile.NamedTemporaryFile(prefix="abkd-") as file:
        file.truncate(size * dtype.itemsize)
        return torch.from_file(file.name, shared=True, size=size, dtype=dtype).view(shape)
