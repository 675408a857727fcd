"""Which device trains, how fast it may run, and what it used."""

from __future__ import annotations

import resource
import sys

import torch

from workflow.errors import UserError


def choose(name: str, threads: int) -> torch.device:
    """The device of a config's `device`, with torch set to that many CPU threads and to deterministic kernels.

    Raises:
        UserError: cuda is wanted and there is none.
    """
    torch.set_num_threads(threads)
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda is wanted, but torch sees no GPU; allowed here: auto, cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device("cuda")


def peak_memory_mb(device: torch.device) -> float:
    """MiB at the peak: of the GPU's allocator since the last reset, or of the whole process on CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def reset_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
