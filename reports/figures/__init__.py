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
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import inf
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

from reports.figures.parts import fonts
from reports.figures.parts.style import Drawing, styled
from reports.files import write_text
from reports.findings import Findings

__all__ = ["Drawing", "Section", "draw", "started"]

FEW = 12
"""Pieces of work up to which one process does them all: the next one would take longer to start."""
MOST_PROCESSES = 8
MISSING = "not-drawn.txt"
"""Beside the figures, where one of them could not be drawn: which and why."""
Drawn = tuple[list[Drawing], list[str]]
"""Drawings, and what could not be drawn and why: page and tables are worth having without it."""
Work = Callable[[], Drawn]
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
    missing: list[str] = field(default_factory=list)


def names() -> list[str]:
    """Names of the figure files."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def draw(findings: Findings, folder: Path) -> list[Section]:
    """Draws what the findings carry and removes files of an earlier build that no longer belong.

    Returns:
        The figures with any drawing, or any that could not be drawn, in the order of the page.
    """
    with started(findings, folder) as sections:
        return list(sections)


def missing(folder: Path) -> list[str]:
    """What could not be drawn of a report, a line each."""
    file = folder / MISSING
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@contextmanager
def started(findings: Findings, folder: Path) -> Iterator[Iterator[Section]]:
    """As `draw`, by other processes where it is much: the caller goes on, and waits when it asks for a section."""
    folder.mkdir(parents=True, exist_ok=True)  # promised even where there is nothing to draw
    figures = [importlib.import_module(f"{__name__}.{name}") for name in names()]
    work = [(figure, partial(_drawn, figure, own, folder)) for figure in figures for own in _parts(figure, findings)]
    with _apart([each for _, each in work]) as done:
        yield _sections(((figure, found) for (figure, _), found in zip(work, done, strict=True)), folder)


def _sections(done: Iterable[tuple[ModuleType, Drawn]], folder: Path) -> Iterator[Section]:
    sections: dict[ModuleType, Section] = {}
    for figure, (drawings, missing) in done:
        section = sections.setdefault(figure, _section(figure))
        section.drawings.extend(drawings)
        section.missing.extend(missing)
    _remove_others(folder, {drawing.slug for section in sections.values() for drawing in section.drawings})
    lines = [f"{section.title}: {why}\n" for section in sections.values() for why in section.missing]
    if lines:
        write_text(folder / MISSING, "".join(lines))
    else:
        (folder / MISSING).unlink(missing_ok=True)
    shown = [section for section in sections.values() if section.drawings or section.missing]
    yield from sorted(shown, key=lambda section: section.order)


def _parts(figure: ModuleType, findings: Findings) -> list[Findings]:
    """What is drawn at one go: each family where a figure says that it is about one, else everything."""
    if not getattr(figure, "SINGLY", False):
        return [findings]
    return [findings.only([family]) for family in findings.results.families]


def _drawn(figure: ModuleType, findings: Findings, folder: Path) -> Drawn:
    try:
        with styled(findings.settings.report.figures):
            return list(figure.draw(findings, folder)), []
    except Exception as error:  # whatever a figure's file, which may be a new one, makes of data that nobody foresaw
        families = [findings.title(family) for family in findings.results.families]
        return [], [told(error, families[0] if len(families) == 1 else "all students")]


def told(error: Exception, where: str) -> str:
    """Why something could not be drawn, in a line; the log has where it happened."""
    traceback.print_exception(error)
    return " ".join(f"{where}: could not be drawn: {type(error).__name__}: {error}".split())


def _section(figure: ModuleType) -> Section:
    return Section(figure.KIND, figure.TITLE, getattr(figure, "ORDER", inf), getattr(figure, "FOLDED", False), [])


def _remove_others(folder: Path, names: set[str]) -> None:
    for suffix in ("svg", "pdf", "png"):
        for old in folder.glob(f"*.{suffix}"):
            if old.stem not in names:
                old.unlink()


@contextmanager
def _apart(work: list[Work]) -> Iterator[Iterator[Drawn]]:
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


def _piece(place: int) -> Drawn:
    return _WORK[place]()
