"""Measurements in processes of their own, so that peak memory is theirs alone.

`call` starts `python -m tests.benchmarks.process MODULE:FUNCTION ARGUMENTS THREADS ANSWER`, which writes the dict that
the function returns, with the process's peak memory beside it, to the file ANSWER.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def call(settings: Settings, target: str, **arguments: Any) -> dict[str, Any]:
    """What `MODULE:FUNCTION(**arguments)` returns in a process of its own, with its `peak_mib`.

    Args:
        target: MODULE:FUNCTION, of a function that takes and returns what JSON can hold.

    Raises:
        RuntimeError: the process failed; with the end of what it said.
    """
    if not settings.isolated:
        return run(target, arguments)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.json"
        module("tests.benchmarks.process", target, json.dumps(arguments), str(settings.threads), str(file))
        answer: dict[str, Any] = json.loads(file.read_text())
    return answer


def module(name: str, *arguments: str, cwd: Path = ROOT) -> float:
    """Seconds that `python -m NAME ...` takes, from its start to its end.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    return measured(name, *arguments, cwd=cwd)[0]


def measured(name: str, *arguments: str, cwd: Path = ROOT) -> tuple[float, float]:
    """The same, and the MiB at that process's peak.

    Raises:
        RuntimeError: as above.
    """
    environment = {**os.environ, "PYTHONPATH": str(cwd), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    command = [sys.executable, "-m", name, *arguments]
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        started = time.perf_counter()
        child = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            text = said.read()[-2000:]
            raise RuntimeError(f"{name} {' '.join(arguments)[:300]}: exit {child.returncode}: {text}")
    return seconds, used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def cpu_of_children() -> float:
    """CPU seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(target: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The same in this process."""
    place, name = target.split(":")
    answer: dict[str, Any] = getattr(importlib.import_module(place), name)(**arguments)
    return {"peak_mib": peak_mib(), **answer}


def peak_mib() -> float:
    """MiB at this process's peak, since the last `reset_peak` where the system can do that.

    Not `ru_maxrss` where it can be helped: on Linux a child starts with its parent's.
    """
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )


def resident_mib() -> float:
    """MiB that are in memory now (the peak so far where the system does not tell)."""
    return _status("VmRSS") or peak_mib()


def reset_peak() -> float:
    """Starts a new peak at what is resident now, and returns that; Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return resident_mib()


def _status(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith(f"{field}:")), None)


def main() -> None:
    import torch

    target, arguments, threads, file = sys.argv[1:]
    torch.set_num_threads(int(threads))
    Path(file).write_text(json.dumps(run(target, json.loads(arguments))))


if __name__ == "__main__":
    main()
