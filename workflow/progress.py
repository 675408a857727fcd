"""How far a run is: a plain line now and then, read off the records that trainings leave. Imports no torch."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from reports.printing import duration
from reports.rows import Status
from workflow.config import parse_seeds
from workflow.run import Run
from workflow.training.records import DamagedError, Records

FIRST_SECONDS, LAST_SECONDS = 10.0, 600.0
"""Pauses between two looks, of a run that has just begun and of one that takes days."""
SHARE = 0.02
"""A pause as a share of the time that the run has taken: a log of a week should be no longer than one of a day."""


class Progress:
    """Trainings that a run still needs, and what those that have ended since then took.

    Args:
        run: what is trained.
        began: seconds since the epoch from which a record is one of this call of Snakemake.
        targets: what Snakemake was asked for; markers of blocks among them stand for these and their teachers alone.
    """

    def __init__(self, run: Run, began: float, targets: Collection[str] = ()) -> None:
        self._run, self._began = run, began
        blocks = {place: parse_seeds(place[1]) for place in _places(run, set(targets))}
        self._left = {place: set(seeds) for place, seeds in blocks.items() if not Path(run.marker(*place)).exists()}
        self.total = sum(map(len, blocks.values()))
        self.done = self.total - self.left
        self._troubled = 0
        self._spent = 0.0
        self._taken: dict[tuple[str, ...], tuple[float, int]] = {}  # of each group: seconds in all, trainings

    @property
    def left(self) -> int:
        """Trainings without a record."""
        return sum(map(len, self._left.values()))

    def line(self, now: float) -> str:
        """Counts, and the time that is left by the speed so far; to be asked for now and then.

        Args:
            now: seconds since the epoch.
        """
        for place, seeds in list(self._left.items()):
            for seed in self._ended(place, seeds):
                seeds.discard(seed)
            if not seeds or Path(self._run.marker(*place)).exists():
                del self._left[place]
        self.done = self.total - self.left
        troubled = f" ({self._troubled} without a score)" if self._troubled else ""
        seconds = self._seconds_left(now)
        told = f", about {duration(seconds)} left" if seconds is not None and self.left else ""
        return f"trainings: {self.done} of {self.total} done{troubled}{told}"

    def _ended(self, place: tuple[str, str], seeds: set[int]) -> Iterator[int]:
        """Seeds of a block whose record this call has written; what they took is noted."""
        key, _ = place
        records = Records(Path(self._run.folder(key)))
        if not records.folder.exists():
            return
        for seed in sorted(seeds):
            with suppress(OSError, DamagedError):  # gone, or being replaced: the next look finds it
                if records.file(seed).stat().st_mtime < self._began or (record := records.read(seed)) is None:
                    continue
                self._troubled += record.row.status not in (Status.OK, Status.SKIPPED)
                self._note(key, record.row.seconds or 0.0)
                yield seed

    def _seconds_left(self, now: float) -> float | None:
        """Seconds of all that is left, over the seconds of training that a second has brought; None while unknown.

        A training takes as long as those of its cell, else of its student, else of the next larger group have taken.
        """
        wanted = 0.0
        for (key, _), seeds in self._left.items():
            known = next((self._taken[group] for group in _groups(key) if group in self._taken), None)
            if known is None:
                return None
            total, count = known
            wanted += len(seeds) * total / count
        return wanted * (now - self._began) / self._spent if self._spent else None

    def _note(self, key: str, seconds: float) -> None:
        self._spent += seconds
        for group in _groups(key):
            total, count = self._taken.get(group, (0.0, 0))
            self._taken[group] = total + seconds, count + 1


def _places(run: Run, targets: set[str]) -> set[tuple[str, str]]:
    """(key, block) of all that is to be trained."""
    every = {(key, block) for key in (*run.plan.teachers, *run.plan.cells) for block in run.blocks(key)}
    named = {place for place in every if run.marker(*place) in targets}
    cells = [(run.plan.cells[key].taught_by, block) for key, block in named if key in run.plan.cells]
    return named | {(key, own) for key, block in cells for own in run.blocks_with(block)} or every


def _groups(key: str) -> list[tuple[str, ...]]:
    """A cell or teacher, and what it belongs to: its student, its teacher, its dataset, all of its kind."""
    parts = key.split("/")
    return [(str(len(parts)), *parts[:depth]) for depth in range(len(parts), -1, -1)]


def watch(
    run: Run, ended: threading.Event, targets: Collection[str] = (), say: Callable[[str], None] | None = None
) -> None:
    """Tells the progress of a run from now on, whenever there is any, by a thread that ends with the process.

    Args:
        targets: as of `Progress`.
        ended: once it is set, nothing more is told.
        say: what is done with a line; by default it is printed to standard error.
    """
    began = time.time()

    def tell() -> None:
        progress = Progress(run, began, targets)
        while not ended.wait(min(max(FIRST_SECONDS, SHARE * (time.time() - began)), LAST_SECONDS)):
            before = progress.done
            line = progress.line(time.time())
            if progress.done != before and not ended.is_set():
                (say or _say)(line)

    threading.Thread(target=tell, name="progress", daemon=True).start()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
