"""How many GPUs this machine has, and which of them a job takes. Imports no torch."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO

from workflow.environment import GPU_SLOTS, GPUS

SIGNS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""Device files of NVIDIA, of WSL2 and of AMD: where there is none of them, torch, whose import takes seconds, need not
be asked."""
HIDDEN = ("", "-1")
"""What CUDA_VISIBLE_DEVICES says of no GPU."""
POLL_SECONDS = 1.0


@cache
def count() -> int:
    """The GPUs that torch sees; none where CUDA_VISIBLE_DEVICES hides them all."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in HIDDEN:
        return 0
    if not any(Path(sign).exists() for sign in SIGNS) and not shutil.which("nvidia-smi"):
        return 0
    code = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return int(answer.stdout) if answer.stdout.strip().isdigit() else 0


def visible(number: int) -> list[str]:
    """The names of this many GPUs: those of CUDA_VISIBLE_DEVICES, if it is set."""
    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    return stated.split(",")[:number] if stated else [str(index) for index in range(number)]


@contextmanager
def claimed() -> Iterator[None]:
    """Gives this process a GPU where it is told that there are several (GPUS), waiting for one with a free place.

    A GPU has GPU_SLOTS places, one by default, of which each is a lock that dies with its process, so that two runs on
    one machine do not meet either. Of several GPUs the one with the fewest jobs is taken.
    """
    number = int(os.environ.get(GPUS) or 0)
    if number < 2:
        yield
        return
    folder = Path(tempfile.gettempdir()) / f"abkd-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    slots = range(int(os.environ.get(GPU_SLOTS) or 1))
    places = {name: [folder / f"{name.replace('/', '_')}.{slot}" for slot in slots] for name in visible(number)}
    name, lock = _free(places)
    with lock:
        os.environ["CUDA_VISIBLE_DEVICES"] = name
        yield


def _free(places: Mapping[str, list[Path]]) -> tuple[str, IO[str]]:
    """The GPU with most places that can be had, the first of such ones, and a place's lock, held until it is closed."""
    while True:
        free = {name: [lock for file in files if (lock := _locked(file))] for name, files in places.items()}
        chosen = max(free, key=lambda name: len(free[name]))
        kept = free[chosen].pop() if free[chosen] else None
        for lock in chain.from_iterable(free.values()):
            lock.close()
        if kept:
            return chosen, kept
        time.sleep(POLL_SECONDS)


def _locked(file: Path) -> IO[str] | None:
    """The file, locked; None where another process has it."""
    lock = file.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
