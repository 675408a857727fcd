"""How many GPUs this machine has, and which of them a job takes. Imports no torch."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from workflow.environment import GPUS

SIGNS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""Device files of NVIDIA, of WSL2 and of AMD: where there is none of them, torch, whose import takes seconds, need not
be asked."""
POLL_SECONDS = 1.0


@cache
def count() -> int:
    """The GPUs that torch sees."""
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
    """Gives this process a GPU for itself where it is told that there are several (GPUS), waiting for a free one.

    Each GPU is a lock that dies with its process, so that two runs on one machine do not meet either.
    """
    number = int(os.environ.get(GPUS) or 0)
    if number < 2:
        yield
        return
    folder = Path(tempfile.gettempdir()) / f"abkd-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    name, lock = _free(visible(number), folder)
    with lock:
        os.environ["CUDA_VISIBLE_DEVICES"] = name
        yield


def _free(names: list[str], folder: Path) -> tuple[str, IO[str]]:
    """The first GPU whose lock can be had, and the lock, which is held until it is closed."""
    while True:
        for name in names:
            lock = (folder / name.replace("/", "_")).open("a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return name, lock
            except BlockingIOError:
                lock.close()
        time.sleep(POLL_SECONDS)
