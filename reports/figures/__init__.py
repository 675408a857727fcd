"""Every figure of a report, as SVG (text stays text), PDF and PNG.

A figure is one file of this folder, found by listing. It says

    KIND     id of its section on the page, and first word of its files' names
    TITLE    heading of that section
    draw     (findings, folder) -> the drawings it has made of the findings, none where they do not carry it
    ORDER    optional: its place on the page, in growing order; without one it comes last
    FOLDED   optional: True if many of its drawings may be folded away on screen
    SINGLY   optional: True if it draws each family without regard to the others, so that several can be drawn at once

Nothing else names a figure: a new file is drawn, and shown on the page.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

from reports.figures.parts import fonts
from reports.figures.parts.style import Drawing, styled
from reports.findings import Findings

__all__ = ["Drawing", "Section", "draw", "started"]

FEW = 12
"""Pieces of work up to which one process does them all: the next one would take longer to start."""
MOST_PROCESSES = 8
Work = Callable[[], list[Drawing]]
_WORK: list[Work] = []
"""What forked processes find in their memory, since no findings should be sent to them."""


@dataclass(frozen=True)
class Section:
    """What one figure file has drawn, and what it says of its place on the page."""

    kind: str
    title: str
    order: float
    folded: bool
    drawings: list[Drawing]


def names() -> list[str]:
    """Names of the figure files."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def draw(findings: Findings, folder: Path) -> list[Section]:
    """Draws what the findings carry and removes files of an earlier build that no longer belong.

    Returns:
        The figures with any drawing, in the order of the page.
    """
    with started(findings, folder) as sections:
        return list(sections)


@contextmanager
def started(findings: Findings, folder: Path) -> Iterator[Iterator[Section]]:
    """As `draw`, by other processes where it is much: the caller goes on, and waits when it asks for a section."""
    folder.mkdir(parents=True, exist_ok=True)  # promised even where there is nothing to draw
    figures = [importlib.import_module(f"{__name__}.{name}") for name in names()]
    work = [(figure, partial(_drawn, figure, own, folder)) for figure in figures for own in _parts(figure, findings)]
    with _apart([each for _, each in work]) as done:
        yield _sections(((figure, found) for (figure, _), found in zip(work, done, strict=True)), folder)


def _sections(done: Iterable[tuple[ModuleType, list[Drawing]]], folder: Path) -> Iterator[Section]:
    drawings: dict[ModuleType, list[Drawing]] = {}
    for figure, found in done:
        drawings.setdefault(figure, []).extend(found)
    _remove_others(folder, {drawing.slug for found in drawings.values() for drawing in found})
    yield from sorted(
        (_section(figure, found) for figure, found in drawings.items() if found), key=lambda section: section.order
    )


def _parts(figure: ModuleType, findings: Findings) -> list[Findings]:
    """What is drawn at one go: each family where a figure says that it is about one, else everything."""
    if not getattr(figure, "SINGLY", False):
        return [findings]
    return [findings.only([family]) for family in findings.results.families]


def _drawn(figure: ModuleType, findings: Findings, folder: Path) -> list[Drawing]:
    with styled(findings.settings.report.figures):
        return list(figure.draw(findings, folder))


def _section(figure: ModuleType, drawings: list[Drawing]) -> Section:
    order, folded = getattr(figure, "ORDER", inf), getattr(figure, "FOLDED", False)
    return Section(figure.KIND, figure.TITLE, order, folded, drawings)


def _remove_others(folder: Path, names: set[str]) -> None:
    for suffix in ("svg", "pdf", "png"):
        for old in folder.glob(f"*.{suffix}"):
            if old.stem not in names:
                old.unlink()


@contextmanager
def _apart(work: list[Work]) -> Iterator[Iterator[list[Drawing]]]:
    """Does the work in forks of this process, one per core, or here: few pieces, one core, or no Linux.

    Only Linux forks a process safely whose libraries have been in use.
    """
    processes = min(len(os.sched_getaffinity(0)), MOST_PROCESSES) if sys.platform == "linux" else 1
    if len(work) <= FEW or processes == 1:
        yield (each() for each in work)
        return
    fonts.plain()  # made once, for all
    _WORK[:] = work
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        try:
            yield pool.map(_piece, range(len(work)))
        finally:
            pool.shutdown(cancel_futures=True)
            _WORK.clear()


def _piece(place: int) -> list[Drawing]:
    return _WORK[place]()
