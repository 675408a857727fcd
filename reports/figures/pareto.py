"""Score against what an answer costs (latency, parameters, operations), with the Pareto front of all students."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import costs
from reports.figures.parts.limits import CUT, focus, logarithmic_ticks
from reports.figures.parts.style import (
    DARK,
    GREY,
    GRID,
    PALE,
    SOFT,
    Drawing,
    Look,
    canvas,
    finish,
    looks,
    spread,
    text_size,
    width,
)
from reports.findings import Findings
from reports.results import Family, slug
from reports.variants import prepared

KIND = "pareto"
TITLE = "Score against cost"
ORDER = 4
COSTS = {"latency_ms_median": "Latency, ms", "params": "Parameters", "macs": "Multiply-accumulates"}
"""Columns of measurements.csv, and what the axes say."""
CAPTION = (
    "Mean test score against the cost of one answer for the whole task (log scale). A network costs the same whatever "
    "taught it, so the methods of a student stand above each other; the bar spans all of them, with its compression on "
    "top. The line is the front: no network that costs less scores higher, whatever its method."
)
Bars = dict[Family, dict[str, float]]
"""Student -> method -> mean score as printed."""


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per dataset and teacher with any student that was measured."""
    groups: dict[tuple[str, str], Bars] = {}
    for family in findings.results.families if len(findings.results.measurements) else ():
        scale = findings.metric(family).scale
        means = {
            label: scale * float(own.values().mean())
            for label, own in findings.attempts[family].items()
            if own.complete and label != findings.settings.ceiling
        }
        if means and _costs(findings, family.dataset, family.student, family.ratio_target):
            groups.setdefault((family.dataset, family.teacher), {})[family] = means
    return [_figure(findings, bars, folder) for bars in groups.values()]


def _costs(findings: Findings, dataset: str, model: str, target: float | None) -> dict[str, float]:
    """The COSTS of a network that were measured."""
    row = costs.measured(findings.results.measurements, prepared(dataset), model, target)
    found = {} if row is None else {name: float(row[name]) for name in COSTS}
    return {name: value for name, value in found.items() if np.isfinite(value) and value > 0}


def front(points: list[tuple[float, float]], sign: int) -> list[tuple[float, float]]:
    """The points (cost, score) that no cheaper or equally cheap one reaches, by growing cost."""
    found: list[tuple[float, float]] = []
    for cost, score in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not found or sign * score > sign * found[-1][1]:
            found.append((cost, score))
    return found


def _figure(findings: Findings, bars: Bars, folder: Path) -> Drawing:
    settings, (dataset, teacher, *_) = findings.settings, next(iter(bars))
    metric = findings.results.metric(dataset)
    name = f"{KIND}-{slug(dataset)}-{slug(teacher)}"
    title = f"{settings.dataset_title(dataset)}: students of {teacher}"
    tops = {label: np.mean([metric.sign * means[label] for means in bars.values()]) for label in _common(bars)}
    best = max((label for label in tops if label != settings.floor), key=lambda label: tops[label], default=None)
    shown = looks(dict.fromkeys(label for means in bars.values() for label in means), best, settings)
    strong = {label: look for label, look in shown.items() if look.strong}
    with canvas(name):
        figure = Figure(figsize=(width(1.344), 3.1))
        panels = figure.subplots(
            1,
            len(COSTS),
            sharey=True,
            gridspec_kw={"left": 0.07, "right": 0.8, "bottom": 0.16, "top": 0.78, "wspace": 0.08},
        )
        for axes, (column, what) in zip(panels, COSTS.items(), strict=True):
            _panel(axes, findings, bars, column, strong)
            axes.set_xlabel(what)
        every = [mean for means in bars.values() for mean in means.values()]
        drawn = [means[label] for means in bars.values() for label in strong if label in means]
        cut = focus(panels[0], every, metric.sign, drawn + _teachers(findings, bars))
        panels[0].set_ylabel(metric.title)
        figure.text(0.0, 0.97, title, weight="bold", va="center", size=text_size() + 1)
        handles = [
            Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=settings.method_title(label))
            for label, look in strong.items()
        ]
        handles.append(Line2D([], [], color=PALE, linewidth=4, label=f"all {len(shown)} methods"))
        handles.append(Line2D([], [], color=GREY, marker="*", markersize=9, linestyle="", label="teacher"))
        handles.append(Line2D([], [], color=DARK, linewidth=0.9, label="Pareto front"))
        panels[-1].legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.04), frameon=False)
        alt = f"{metric.title} against latency, parameters and operations. {title}, {len(shown)} methods."
        unsure = costs.unsure(findings.results.measurements, prepared(dataset))
        caption = f"{CAPTION}{CUT * cut} {unsure}".strip()
        return finish(figure, folder, name, title, caption, alt)


def _common(bars: Bars) -> list[str]:
    """Methods of every student."""
    first, *others = bars.values()
    return [label for label in first if all(label in means for means in others)]


def _panel(axes: Axes, findings: Findings, bars: Bars, column: str, strong: Mapping[str, Look]) -> None:
    """One cost."""
    axes.set_xscale("log")
    axes.grid(**GRID)
    sign = findings.metric(next(iter(bars))).sign
    points, labels = _teacher(axes, findings, next(iter(bars)), column), {}
    for family, means in bars.items():
        cost = _costs(findings, family.dataset, family.student, family.ratio_target).get(column)
        if cost is None:
            continue
        span = [min(means.values()), max(means.values())]
        axes.plot([cost, cost], span, color=PALE, linewidth=4, solid_capstyle="butt", zorder=1)
        for label, look in strong.items():
            if label in means:
                axes.plot(cost, means[label], color=look.colour, marker=look.marker, markersize=4.5, zorder=3)
        points.append((cost, span[sign > 0]))
        labels[family] = cost
    if not points:
        return
    x, y = zip(*front(points, sign), strict=True)
    axes.step(x, y, where="post", color=DARK, linewidth=0.9, zorder=2)
    low, high = min(cost for cost, _ in points), max(cost for cost, _ in points)
    axes.set_xlim(low / 1.6, high * 1.6)
    axes.margins(y=0.1)
    logarithmic_ticks(axes.xaxis, low, high)
    _sizes(axes, findings, labels)


def _teachers(findings: Findings, families: Iterable[Family]) -> list[float]:
    """Mean score of the teacher of each family where it was trained whole."""
    ceilings = ((family, findings.attempts[family].get(findings.settings.ceiling)) for family in families)
    return [
        findings.metric(family).scale * float(own.values().mean()) for family, own in ceilings if own and own.complete
    ]


def _teacher(axes: Axes, findings: Findings, family: Family, column: str) -> list[tuple[float, float]]:
    """Draws the teacher where it was measured and trained whole, and returns its point."""
    cost, means = _costs(findings, family.dataset, family.teacher, 1.0).get(column), _teachers(findings, [family])
    if not means or cost is None:
        return []
    (mean,) = means
    axes.plot(cost, mean, marker="*", color=GREY, markersize=10, linestyle="", zorder=3)
    return [(cost, mean)]


def _sizes(axes: Axes, findings: Findings, places: dict[Family, float]) -> None:
    """The compression of every student above the panel, moved apart, with a leader to its bar."""
    to_axes = axes.transData + axes.transAxes.inverted()
    inches = axes.get_window_extent().width / axes.get_figure().dpi  # type: ignore[union-attr]
    at = [to_axes.transform((cost, axes.get_ylim()[0]))[0] for cost in places.values()]
    texts = [findings.results.size(family) for family in places]
    gap = 0.62 * text_size() / 72 * (1 + max(map(len, texts), default=1)) / inches
    for own, moved, text in zip(at, spread(at, gap, 0.0, 1.0), texts, strict=True):
        leader = [own, own, moved], [0.97, 1.01, 1.05]
        axes.plot(*leader, color=PALE, linewidth=0.6, clip_on=False, transform=axes.transAxes)
        axes.text(
            moved, 1.06, text, transform=axes.transAxes, ha="center", va="bottom", color=SOFT, size=text_size() - 1
        )
