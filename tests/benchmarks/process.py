"""Measurements in processes of their own, so that peak memory is theirs alone.

`call` starts `python -m tests.benchmarks.process MODULE:FUNCTION ARGUMENTS THREADS ANSWER`, which writes the dict that
the function returns, with the process's peak memory beside it, to the file ANSWER. `turns` starts one process per side,
without ANSWER: it goes one step on in the iterator that the function returns for every line that it is sent, and says
how long that took.

The clocks are this file's own. `torch.utils.benchmark.Timer` runs a statement twice before it times it, which would
triple the time of an epoch and hide what a first step costs. It also times one statement after the other; the sides of
a comparison take turns here, so that other load on the machine slows both.
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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import PIPE
from typing import Any

from tests.benchmarks.settings import Settings
from workflow.environment import JOB_ENVIRONMENT
from workflow.training.device import host_peak_mib

ROOT = Path(__file__).resolve().parents[2]
SETTLING = 3
"""Turns until a process that keeps freed memory asks the system for hardly any more; a training has hundreds."""


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


def turns(settings: Settings, sides: Mapping[str, tuple[str, dict[str, Any]]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each step of each side, turn by turn, so that a busy machine slows all of them.

    The first turns are not counted (see `alternate`).

    Args:
        sides: MODULE:FUNCTION and its arguments; the function returns an iterator.

    Raises:
        RuntimeError: a process failed.
    """
    with contextlib.ExitStack() as stack:
        started = {
            name: stack.enter_context(_side(settings, target, arguments)) for name, (target, arguments) in sides.items()
        }
        return alternate(started, repeats)


def alternate(
    steps: Mapping[str, Callable[[], float]], repeats: int, settling: int = SETTLING
) -> dict[str, list[float]]:
    """What each step answers, turn by turn, without the first turns, `settling` of them."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(-settling, repeats):
        for name, step in steps.items():
            seconds = step()
            if turn >= 0:
                times[name].append(seconds)
    return times


@contextlib.contextmanager
def _side(settings: Settings, target: str, arguments: dict[str, Any]) -> Iterator[Callable[[], float]]:
    """A function that goes one step on and tells the seconds of it."""
    if not settings.isolated:
        side = _function(target)(**arguments)
        yield lambda: timed(side)
        return
    command = [sys.executable, "-m", "tests.benchmarks.process", target, json.dumps(arguments), str(settings.threads)]
    with (
        tempfile.TemporaryFile("w+", errors="replace") as said,
        subprocess.Popen(
            command, cwd=ROOT, env=_environment(ROOT), text=True, bufsize=1, stdin=PIPE, stdout=PIPE, stderr=said
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        asked, answers = child.stdin, child.stdout

        def step() -> float:
            asked.write("\n")
            answer = answers.readline()
            if not answer:
                said.seek(0)
                raise RuntimeError(f"{target}: {said.read()[-2000:]}")
            return float(answer)

        try:
            yield step
        finally:
            asked.close()


def timed(side: Iterator[None]) -> float:
    """Seconds of the next step."""
    started = now()
    next(side)
    return now() - started


def now() -> float:
    """Seconds of a clock that other load on the machine disturbs least: the process's own where it has one thread.

    Measured on two cores beside five busy processes, 60 epochs of a GCN 2x64 on 20,000 nodes: the middle half of the
    epochs spread over 36 % of the median by the wall's clock, whose median was 3.4 times as long, and over 13 % by the
    process's.
    """
    import torch

    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


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
    command = [sys.executable, "-m", name, *arguments]
    environment = _environment(cwd) | (JOB_ENVIRONMENT if name.startswith("workflow.") else {})
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


def _environment(cwd: Path) -> dict[str, str]:
    found = os.pathsep.join(filter(None, [str(cwd), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": found, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}


def cpu_of_children() -> float:
    """CPU seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(target: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The same in this process."""
    answer: dict[str, Any] = _function(target)(**arguments)
    return {"peak_mib": host_peak_mib(), **answer}


def _function(target: str) -> Callable[..., Any]:
    place, name = target.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(place), name)
    return found


def main() -> None:
    import torch

    target, arguments, threads, *answer = sys.argv[1:]
    torch.set_num_threads(int(threads))
    if answer:
        Path(answer[0]).write_text(json.dumps(run(target, json.loads(arguments))))
        return
    side = _function(target)(**json.loads(arguments))
    for _ in sys.stdin:
        print(timed(side), flush=True)


if __name__ == "__main__":
    main()
