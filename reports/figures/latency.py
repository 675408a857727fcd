"""Score against latency, one figure per dataset and teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.figures.parts.style import (
    DARK,
    GREY,
    GRID,
    PALE,
    WIDTH,
    Drawing,
    Look,
    canvas,
    finish,
    logarithmic_ticks,
    looks,
)
from reports.findings import Findings
from reports.results import Family, Results, slug
from reports.variants import prepared

KIND = "latency"
TITLE = "Score against latency"
ORDER = 4
CAPTION = (
    "Mean test score against the median latency of one inference. A network has one latency whatever taught "
    "it, so the methods of a student stand above each other; the bar spans all of them."
)


def median_latency(results: Results, dataset: str, model: str, target: float | None) -> float:
    """Milliseconds, NaN if not measured; the row of this ratio where one network was measured for several."""
    rows = results.measurements
    rows = rows[(rows["dataset"] == prepared(dataset)) & (rows["model"] == model)]
    exact = rows[rows["ratio_target"] == target]
    chosen = exact if len(exact) else rows
    return float(chosen["latency_ms_median"].iloc[0]) if len(chosen) else np.nan


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per dataset and teacher with any student whose latency was measured."""
    results = findings.results
    if results.measurements.empty:
        return []
    groups: dict[tuple[str, str], dict[Family, float]] = {}
    for family in results.families:
        latency = median_latency(results, family.dataset, family.student, family.ratio_target)
        if np.isfinite(latency) and latency > 0:
            groups.setdefault((family.dataset, family.teacher), {})[family] = latency
    return [_figure(findings, latencies, folder) for latencies in groups.values()]


def _figure(findings: Findings, latencies: dict[Family, float], folder: Path) -> Drawing:
    """Draws the students of one teacher, family -> milliseconds."""
    settings = findings.settings
    dataset, teacher, *_ = next(iter(latencies))
    metric = findings.results.metric(dataset)
    name = f"{KIND}-{slug(dataset)}-{slug(teacher)}"
    title = f"{settings.dataset_title(dataset)}: students of {teacher}"
    with canvas(name):
        figure = Figure(figsize=(WIDTH, 3.5))
        axes = figure.add_axes((0.1, 0.14, 0.62, 0.76))
        axes.set_xscale("log")
        used: dict[str, Look] = {}
        for family, latency in latencies.items():
            used |= _student(axes, findings, family, latency)
        handles = [
            Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=settings.method_title(label))
            for label, look in used.items()
        ]
        handles.append(Line2D([], [], color=PALE, linewidth=4, label="range of all methods"))
        latency = _teacher(axes, findings, next(iter(latencies)))
        if np.isfinite(latency):
            handles.append(
                Line2D([], [], color=GREY, marker="*", markersize=9, linestyle="", label=f"teacher {teacher}")
            )
        _ticks(axes, [x for x in (*latencies.values(), latency) if np.isfinite(x)])
        axes.set_xlabel("Latency of one inference, ms (median, log scale)")
        axes.set_ylabel(metric.title)
        axes.set_title(title)
        axes.grid(**GRID)
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False)
        alt = f"Scatter plot of {metric.title} against latency. {title}."
        return finish(figure, folder, name, title, CAPTION, alt)


def _student(axes: Axes, findings: Findings, family: Family, latency: float) -> dict[str, Look]:
    """Draws one student's column with its name beside it and returns the looks it used."""
    settings, scale = findings.settings, findings.metric(family).scale
    means = {
        label: scale * float(own.values().mean())
        for label, own in findings.attempts[family].items()
        if own.complete and label != settings.ceiling
    }
    if not means:
        return {}
    styles = {label: look for label, look in looks(means, None, settings).items() if look.strong}
    span = [min(means.values()), max(means.values())]
    axes.plot([latency, latency], span, color=PALE, linewidth=4, solid_capstyle="butt", zorder=1)
    for label, look in styles.items():
        axes.plot(latency, means[label], color=look.colour, marker=look.marker, markersize=5, zorder=3)
    # Beside and not below: students of about one latency differ in their scores.
    axes.annotate(
        family.student,
        (latency, float(np.mean(list(means.values())))),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        color=DARK,
    )
    return styles


def _teacher(axes: Axes, findings: Findings, family: Family) -> float:
    """Draws the teacher and returns its latency; NaN where it has none, or no score on every seed."""
    own = findings.attempts[family].get(findings.settings.ceiling)
    latency = median_latency(findings.results, family.dataset, family.teacher, 1.0)
    if own is None or not own.complete or not np.isfinite(latency):
        return np.nan
    mean = findings.metric(family).scale * own.values().mean()
    axes.plot(latency, mean, marker="*", color=GREY, markersize=11, linestyle="")
    return latency


def _ticks(axes: Axes, values: list[float]) -> None:
    """Room around the points, and ticks at round numbers."""
    low, high = min(values), max(values)
    axes.set_xlim(low / 1.35, high * 1.35)
    axes.margins(y=0.14)
    axes.autoscale_view(scalex=False)
    logarithmic_ticks(axes.xaxis, low, high)
