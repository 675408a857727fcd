"""Named random streams: what one part of a training draws never shifts what another part draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Stream = Literal["network", "heads", "dropout", "sampling", "batches"]
"""network: first weights of the student or teacher; heads: first weights of a method's heads; dropout: the network's
masks; sampling: a method's draws; batches: order of the data."""


class Streams:
    """All random streams of one training.

    Args:
        seed: the paired seed s. Every method sees the same network, dropout and batches streams at one s.
        role: "teacher" or "student", so that the two networks never share draws.
        device: where generators live.
    """

    def __init__(self, seed: int, role: Literal["teacher", "student"], device: torch.device) -> None:
        self.seed = seed
        self.role = role
        self.device = device

    def number(self, stream: Stream) -> int:
        """A 63-bit seed, far from those of all other streams."""
        digest = hashlib.sha256(f"{self.role}/{self.seed}/{stream}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def generator(self, stream: Stream, device: torch.device | None = None) -> torch.Generator:
        return torch.Generator(device or self.device).manual_seed(self.number(stream))

    @contextmanager
    def globally(self, stream: Stream) -> Iterator[None]:
        """Seeds torch's global stream for a block, then puts it back: for the initialisers of `torch.nn`."""
        # Initialisers run on the CPU; by default every visible GPU would be woken to keep its state.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.number(stream))
            yield
