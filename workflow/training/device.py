"""Which device trains, how fast it may run, and what it used."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
import traceback
from pathlib import Path
from typing import Literal

import torch

from workflow.errors import UserError

KEPT_TENSOR = 2**30
"""Bytes: tensors up to this size are given back to the process and not to the system."""


def choose(name: str, threads: int) -> torch.device:
    """The device of a config's `device`, with torch set to that many CPU threads and to deterministic kernels.

    Raises:
        UserError: cuda is wanted and there is none.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda is wanted, but torch sees no GPU; allowed here: auto, cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device("cuda")


def keep_freed_memory() -> None:
    """Lets the C library use freed memory again instead of asking the system for new pages at every layer.

    Without it glibc maps every tensor above 32 MiB anew, and half the time of an epoch at width 256 on ogbn-arxiv's
    graph goes into clearing pages. The price is memory that lies idle: up to a half more at the peak.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt:
            m_trim_threshold, m_mmap_threshold = -1, -3  # as <malloc.h> numbers them
            mallopt(m_mmap_threshold, KEPT_TENSOR)
            mallopt(m_trim_threshold, -1)  # never gives back what lies idle


def peak_memory_mb(device: torch.device) -> float:
    """MiB at the peak since the last reset: of the GPU's allocator, or of the whole process on CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return host_peak_mib()


def reset_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_host_peak()


def host_peak_mib() -> float:
    """MiB at this process's peak, since the last `reset_host_peak` where the system can do that.

    Not `ru_maxrss` where it can be helped: on Linux a child starts with its parent's.
    """
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )


def reset_host_peak() -> float:
    """Starts a new peak at what is in use now, and returns that; elsewhere than on Linux the peak so far."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)  # what lies idle (see `keep_freed_memory`) would count for whoever comes next
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS") or host_peak_mib()


def _status(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith(f"{field}:")), None)


def trouble(error: Exception) -> tuple[Literal["oom", "failed"], str]:
    """The status of what went wrong, and the error in one line; the log gets the traceback of a failure."""
    line = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
    # The CPU allocator tells a lack of memory by a RuntimeError.
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "allocate memory" in str(error):
        return "oom", line
    traceback.print_exception(error, file=sys.stderr)
    return "failed", line


def describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
