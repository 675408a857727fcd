"""Score against compression ratio, one line per method, the teacher as a level."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from reports import printing
from reports.figures.parts import panels, series
from reports.figures.parts.style import GREY, GRID, SOFT, Drawing, text_size
from reports.findings import Findings
from reports.results import Family, Results, architecture, slug

KIND = "scores"
TITLE = "Score against compression"
ORDER = 1
CHARACTER = 0.62
"""Share of the text's size that a character takes, with a little room."""
CAPTION = (
    "Left: mean test score at each ratio; dotted, the teacher. Right: the same as mean paired gain over {base}. "
    "Coloured, with {level} % t-intervals over seeds: the floor, the reference, the spotlit methods, and the best at "
    "the strongest compression; the band spans the means of the {others} other methods. A point is left out where a "
    "run of that method failed or is missing."
)


def groups(results: Results) -> dict[tuple[str, str, str], list[Family]]:
    """(dataset, teacher, architecture of the student) -> families in growing compression."""
    found: dict[tuple[str, str, str], list[Family]] = {}
    for family in results.families:
        found.setdefault((family.dataset, family.teacher, architecture(family.student)), []).append(family)
    return found


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per dataset, teacher and student architecture that was run at two ratios or more."""
    drawings = []
    for (dataset, teacher, kind), families in groups(findings.results).items():
        places = {family: findings.results.ratio(family) for family in families}
        if len(families) > 1 and series.points(findings, places):
            title = f"{findings.settings.dataset_title(dataset)}: {teacher} → {kind} students"
            name = f"{KIND}-{slug(dataset)}-{slug(teacher)}-{slug(kind)}"
            drawings.append(panels.draw(findings, _along(findings, places), title, name, folder))
    return drawings


def _along(findings: Findings, places: dict[Family, float]) -> panels.Along:
    return panels.Along(
        places=places,
        axis=partial(_ratio_axis, ratios=list(places.values()), students=[family.student for family in places]),
        aside=lambda x, steps: x * 1.012**steps,
        end=max,
        teacher=partial(_teacher, line=series.of_ceiling(findings, places)),
        caption=CAPTION,
        alt=("compression", printing.ratio(max(places.values()))),
    )


def _ratio_axis(axes: Axes, ratios: list[float], students: list[str]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(ratios) * 0.9, max(ratios) * 1.1)
    axes.xaxis.set_major_locator(FixedLocator(ratios))
    axes.xaxis.set_minor_locator(NullLocator())
    sizes = [printing.ratio(ratio) for ratio in ratios]
    named = [f"{size}\n{student}" for size, student in zip(sizes, students, strict=True)]
    axes.set_xticklabels(named if _fit(axes, ratios, students) else sizes)
    axes.set_xlabel("Compression (parameters of teacher / student)")
    axes.grid(axis="y", **GRID)


def _fit(axes: Axes, ratios: list[float], names: list[str]) -> bool:
    """Whether names under their ratios keep clear of each other."""
    low, high = np.log(axes.get_xlim())
    figure = axes.figure
    assert isinstance(figure, Figure)
    inches = axes.get_position().width * figure.get_figwidth()
    places = inches * (np.log(ratios) - low) / (high - low)
    halves = [len(name) * CHARACTER * text_size() / 72 / 2 for name in names]
    return all(b - a > x + y for a, b, x, y in zip(places, places[1:], halves, halves[1:], strict=False))


def _teacher(axes: Axes, line: list[tuple[float, float, float, float]]) -> list[float]:
    """Draws the teacher's level, one for all ratios, and returns it; nothing where it was not trained whole."""
    if not line:
        return []
    _, mean, low, high = line[0]
    axes.axhspan(low, high, color="#eeeeee", zorder=0)
    axes.axhline(mean, color=GREY, linestyle=":", linewidth=1.2, zorder=0)
    axes.annotate(
        f"teacher {mean:.4g}",
        # Above it, where few students are; on the right, where compression has taken them away.
        xy=(0.99, mean),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=SOFT,
    )
    return [mean]
