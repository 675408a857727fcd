"""Which device trains, how fast it may run, and what it used."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

import psutil
import torch
from threadpoolctl import threadpool_limits

from methods import plugins, registry
from methods.listing import told
from reports.files import anonymous
from reports.rows import Status
from workflow.errors import UserError
from workflow.models import listing

LACK = ("allocate memory", "out of memory", "ALLOC_FAILED", "INSUFFICIENT_RESOURCES")
"""By what the CPU's allocator, CUDA, cuBLAS and cuSPARSE tell a lack of memory in a RuntimeError."""


def choose(name: str, threads: int) -> torch.device:
    """The device of a config's `device`, with torch and numpy set to so many CPU threads; kernels are deterministic.

    Raises:
        UserError: cuda is wanted and there is none.
    """
    torch.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")  # numpy's products; torch's own setting does not reach them
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda is wanted, but torch sees no GPU; allowed here: auto, cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    # Read when cuBLAS starts; without it, products of matrices may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # What `torch.use_deterministic_algorithms` does, which imports the compiler first: 1.3 s of every job.
    torch._C._set_deterministic_algorithms(True, warn_only=True)
    # Else every new tensor is filled with NaN before it is written to.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return torch.device("cuda")


def peak_memory_mb(device: torch.device) -> float:
    """MiB at the peak since the last reset: of the GPU's allocator, or of the whole process on CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return host_peak_mib()


def reset_peak_memory(device: torch.device) -> None:
    """Starts a new peak for `peak_memory_mb`; a GPU's memory that lies idle goes back to it, for other jobs on it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_host_peak()


def host_peak_mib() -> float:
    """MiB at this process's peak, since the last `reset_host_peak` where the system can do that.

    psutil tells no peak on Linux and macOS. Not `ru_maxrss` where it can be helped: on Linux a child starts with its
    parent's.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def reset_host_peak() -> float:
    """Starts a new peak at what is in use now, and returns that (MiB); elsewhere than on Linux the peak so far.

    What lies idle (see `workflow.environment`) is given back to the system first, or it would count for whoever comes
    next: a GCN 2x8 that is measured after a GCN 3x256 on ace-sim-mini would show 377 MiB instead of 348. No library
    offers glibc's `malloc_trim`.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
    if trim:
        trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return host_peak_mib()
    return float(psutil.Process().memory_info().rss) / 2**20


def trouble(error: Exception) -> tuple[Status, str]:
    """The status of what went wrong, and the error in one line; the log gets the traceback of a failure.

    Where a method's or network's own file led to it, the line begins with that file and its line.
    """
    own = {listing.FOLDER, *registry.folders(), *(folder for _, folder in plugins.places())}
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    blamed = [file for file in files if file.parent in own]
    line = told(error, blamed[-1]) if blamed else f"{type(error).__name__}: {' '.join(str(error).split())}"
    line = anonymous(line)[:300]
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(said in str(error) for said in LACK):
        return Status.OOM, line
    traceback.print_exception(error, file=sys.stderr)
    return Status.FAILED, line


def killed(device: torch.device, name: str) -> str:
    """The reason of a row whose process was ended by this signal, such as SIGKILL."""
    cause = "out of memory?" if device.type == "cpu" else "out of memory, or a fault of the GPU? See its log"
    return f"killed, signal {signal.Signals[name].value} ({name}): {cause}"


def end_if_lost(device: torch.device, line: str) -> None:
    """Ends the process where a GPU answers no more: after an illegal address, say, every later call fails, too.

    It ends by the signal of a failed assertion of CUDA's own, so that whoever began it begins it again (`workflow.job`)
    and no later seed is taken for failed.

    Args:
        line: what went wrong.
    """
    if device.type != "cuda":
        return
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        print(f"error: the GPU answers no more: {line}", file=sys.stderr, flush=True)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), signal.SIGABRT)


def describe(device: torch.device) -> str:
    """The `device` column of a row."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
