"""One Snakemake at a time works on a run: a lock in its folder, which dies with its process."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path
from typing import TextIO

NAME = ".lock"


def hold(folder: Path) -> TextIO:
    """Locks a run's folder until the file is closed; ends with one line where another process holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / NAME).open("a+")
    except OSError as error:
        sys.exit(f"error: {folder}: {error.strerror}")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        sys.exit(f"error: {folder}: process {lock.read() or 'unknown'} works on this run; wait for its end")
    except OSError:  # a file system without locks
        return lock
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def held_elsewhere(folder: Path) -> bool:
    """Whether another process holds it."""
    file = folder / NAME
    if not file.exists():
        return False
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return isinstance(error, BlockingIOError)
    return False
