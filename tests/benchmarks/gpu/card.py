"""The card under test, and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from workflow.training import device as devices

WARM_UP, TIMED = 5, 20
COPIED = 2**28
"""Values of the tensor whose copy tells the card's bandwidth: 1 GiB."""


def device() -> torch.device:
    """The GPU, set as for a job; the CPU where there is none, for a look at the code alone."""
    return devices.choose("auto", 1)


def seconds(call: Callable[[], Any], timed: int = TIMED) -> float:
    """Median of a call's time on the device."""
    for _ in range(WARM_UP):
        call()
    if not torch.cuda.is_available():
        return float(np.median([once(call) for _ in range(3)]))
    taken = []
    for _ in range(timed):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        taken.append(begin.elapsed_time(end) / 1000)
    return float(np.median(taken))


def once(call: Callable[[], Any]) -> float:
    """Seconds of one call, from an idle device to an idle device, by the host's clock."""
    _wait()
    started = time.perf_counter()
    call()
    _wait()
    return time.perf_counter() - started


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def copy_rate(on: torch.device) -> float:
    """Bytes per second, read and written, of a copy on the device."""
    values = COPIED if on.type == "cuda" else 2**22
    source = torch.ones(values, device=on)
    target = torch.empty_like(source)
    return 8 * values / seconds(lambda: target.copy_(source))


@contextmanager
def as_torch_comes() -> Iterator[None]:
    """For the plain loop: without the deterministic kernels, which its scatters would pay for tenfold."""
    before = torch.are_deterministic_algorithms_enabled()
    torch._C._set_deterministic_algorithms(False, warn_only=True)
    try:
        yield
    finally:
        torch._C._set_deterministic_algorithms(before, warn_only=True)


def plainly(step: Callable[[], float]) -> float:
    """What a step of the plain loop answers."""
    with as_torch_comes():
        return step()


def peak_mib(call: Callable[[], Any]) -> float:
    """MiB of the device's memory at the peak of a call, 0 without a GPU."""
    if not torch.cuda.is_available():
        call()
        return 0.0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    call()
    _wait()
    return torch.cuda.max_memory_allocated() / 2**20
