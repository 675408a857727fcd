"""Every figure of a report, as SVG (text stays text), PDF and PNG.

A figure is one file of this folder, found by listing. It says

    KIND     id of its section on the page, and first word of its files' names
    TITLE    heading of that section
    draw     (findings, folder) -> the drawings it has made of the findings, none where they do not carry it
    ORDER    optional: its place on the page, in growing order; without one it comes last
    FOLDED   optional: True if many of its drawings may be folded away on screen

Nothing else names a figure: a new file is drawn, and shown on the page.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from math import inf
from pathlib import Path

from reports.figures.parts.style import Drawing, styled
from reports.findings import Findings

__all__ = ["Drawing", "Section", "draw"]


@dataclass(frozen=True)
class Section:
    """What one figure file has drawn, and what it says of its place on the page."""

    kind: str
    title: str
    order: float
    folded: bool
    drawings: list[Drawing]


def draw(findings: Findings, folder: Path) -> list[Section]:
    """Draws what the findings carry and removes files of an earlier build that no longer belong.

    Returns:
        The figures with any drawing, in the order of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)  # promised even where there is nothing to draw
    sections = []
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg):
        figure = importlib.import_module(f"{__name__}.{name}")
        order, folded = getattr(figure, "ORDER", inf), getattr(figure, "FOLDED", False)
        with styled(findings.settings.report.figures):
            drawings = figure.draw(findings, folder)
        sections.append(Section(figure.KIND, figure.TITLE, order, folded, drawings))
    names = {drawing.slug for section in sections for drawing in section.drawings}
    for suffix in ("svg", "pdf", "png"):
        for old in folder.glob(f"*.{suffix}"):
            if old.stem not in names:
                old.unlink()
    return sorted((section for section in sections if section.drawings), key=lambda section: section.order)
