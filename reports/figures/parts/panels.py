"""Two panels side by side: scores, and gains over the floor, along something that several students differ in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.parts import series as series_of
from reports.figures.parts.limits import BEYOND, limits
from reports.figures.parts.series import Points
from reports.figures.parts.style import (
    DARK,
    Drawing,
    Look,
    band,
    canvas,
    finish,
    label_ends,
    lines,
    looks,
    text_size,
    width,
)
from reports.findings import Findings
from reports.results import Family

ROOM = 0.08
"""Above and below the coloured lines, as a share of their height."""


@dataclass(frozen=True)
class Along:
    """What the students of a figure differ in.

    Attributes:
        places: of each family on the x-axis, in the order of the axis.
        axis: sets the x-axis of a panel up.
        aside: places moved a little sideways, by so many steps, so that intervals of methods do not cover each other.
        end: of the places, where the best of the other methods is chosen: max or min.
        teacher: draws the teacher into the left panel, and returns the scores that must be seen.
        caption: text with {base}, {level} and {others}.
        alt: what the charts show scores against, and where the best is chosen.
    """

    places: Mapping[Family, float]
    axis: Callable[[Axes], None]
    aside: Callable[[np.ndarray, float], np.ndarray]
    end: Callable[[Iterable[float]], float]
    teacher: Callable[[Axes], list[float]]
    caption: str
    alt: tuple[str, str]


def draw(findings: Findings, along: Along, title: str, name: str, folder: Path) -> Drawing:
    """Scores with the teacher on the left; on the right the gains over the floor, where methods can be told apart."""
    settings, metric = findings.settings, findings.metric(next(iter(along.places)))
    series = series_of.points(findings, along.places)
    base = series_of.base_of(series, settings)
    differences = series_of.gains(findings, along.places, base)
    leader = series_of.best(series, metric, settings, along.end)
    styles = looks(series, leader, settings)
    with canvas(name):
        height = max(3.4, lines(sum(look.strong for look in styles.values())) + 0.8)
        figure = Figure(figsize=(width(1.344), height))
        left = figure.add_axes((0.06, 0.55 / height, 0.32, 1 - 1.05 / height))
        right = figure.add_axes((0.46, 0.55 / height, 0.36, 1 - 1.05 / height))
        _lines(left, series, styles, along)
        teacher = along.teacher(left)
        _lines(right, differences, styles, along)
        right.axhline(0, color=DARK, linewidth=0.8, zorder=0)
        cut = _focus(left, series, styles, teacher) | _focus(right, differences, styles, [0.0])
        left.set_title(metric.title)
        right.set_title(f"Gain over {settings.method_title(base)}, {metric.unit}")
        for axes in (left, right):
            along.axis(axes)
        ends = {label: (line[-1][0], line[-1][1]) for label, line in differences.items()}
        named = {label: settings.method_title(label) for label in differences if styles[label].strong}
        label_ends(right, {label: ends[label] for label in named}, styles, named)
        figure.text(0.0, 1 - 0.1 / height, title, weight="bold", va="center", size=text_size() + 1)
        caption = along.caption.format(
            base=settings.method_title(base),
            level=settings.level,
            others=sum(not look.strong for look in styles.values()),
        )
        caption += BEYOND * cut
        against, where = along.alt
        alt = f"Line charts of {metric.title}, and of its gain, against {against}: {len(series)} methods, {title}."
        if leader:
            alt += f" At {where} the highest is {settings.method_title(leader)}."
        return finish(figure, folder, name, title, caption, alt)


def _lines(axes: Axes, series: Points, styles: dict[str, Look], along: Along) -> None:
    strong = [label for label in series if styles[label].strong]
    band(axes, {label: [point[:2] for point in series[label]] for label in series if label not in strong})
    for label, line in series.items():
        look = styles[label]
        if not look.strong:
            continue
        x, mean, low, high = (np.array(column) for column in zip(*line, strict=True))
        axes.errorbar(
            along.aside(x, strong.index(label) - (len(strong) - 1) / 2),
            mean,
            yerr=(mean - low, high - mean),
            color=look.colour,
            linestyle=look.line,
            linewidth=1.3,
            marker=look.marker,
            markersize=4.5,
            elinewidth=0.9,
            capsize=2,
            zorder=3,
        )


def _focus(axes: Axes, series: Points, styles: dict[str, Look], shown: list[float]) -> bool:
    """Limits by the coloured lines with their intervals; whether other means lie beyond them.

    A control that must fail would take most of the height from those that are to be told apart.
    """
    drawn = [end for label, line in series.items() if styles[label].strong for point in line for end in point[2:]]
    if not drawn:
        return False
    low, high = limits([*drawn, *shown], ROOM)
    axes.set_ylim(low, high)
    return any(not low <= mean <= high for line in series.values() for _, mean, *_ in line)
