"""Score against latency, one figure a dataset and teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from reports import metrics
from reports.comparisons import outcome, outcomes
from reports.figures.style import GREY, PALE, WIDTH, Drawing, Look, canvas, finish, looks
from reports.results import Family, Results, slug
from reports.settings import Settings

KIND = "latency"


def median_latency(results: Results, dataset: str, model: str, target: float) -> float:
    """Milliseconds, NaN if not measured; the row of this ratio where one network was measured for several."""
    rows = results.measurements
    rows = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
    exact = rows[rows["ratio_target"] == target]
    chosen = exact if len(exact) else rows
    return float(chosen["latency_ms_median"].iloc[0]) if len(chosen) else np.nan


def draw(results: Results, folder: Path, settings: Settings) -> list[Drawing]:
    if results.measurements.empty:
        return []
    drawings = []
    groups: dict[tuple[str, str], list[Family]] = {}
    for family in results.families:
        latency = median_latency(results, family.dataset, family.student, family.ratio_target)
        if np.isfinite(latency) and latency > 0:
            groups.setdefault((family.dataset, family.teacher), []).append(family)
    for (dataset, teacher), families in groups.items():
        drawings.append(_figure(results, dataset, teacher, families, folder, settings))
    return drawings


def _figure(
    results: Results, dataset: str, teacher: str, families: list[Family], folder: Path, settings: Settings
) -> Drawing:
    metric = results.metric(dataset)
    name = f"latency-{slug(dataset)}-{slug(teacher)}"
    title = f"{settings.dataset_title(dataset)}: students of {teacher}"
    with canvas(name):
        figure = Figure(figsize=(WIDTH, 3.5))
        axes = figure.add_axes((0.1, 0.14, 0.62, 0.76))
        axes.set_xscale("log")
        used: dict[str, Look] = {}
        x_values = []
        for family in families:
            x = median_latency(results, dataset, family.student, family.ratio_target)
            x_values.append(x)
            used |= _student(axes, results, family, x, metric, settings)
        own = outcome(results.teacher_runs(dataset, teacher, settings.ceiling))
        x = median_latency(results, dataset, teacher, 1.0)
        handles = [
            Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=settings.method_title(label))
            for label, look in used.items()
        ]
        handles.append(Line2D([], [], color=PALE, linewidth=4, label="range of all methods"))
        if own.scores and not own.complaint and np.isfinite(x):
            x_values.append(x)
            axes.plot(x, metric.scale * own.values().mean(), marker="*", color=GREY, markersize=11, linestyle="")
            handles.append(
                Line2D([], [], color=GREY, marker="*", markersize=9, linestyle="", label=f"teacher {teacher}")
            )
        _ticks(axes, x_values)
        axes.set_xlabel("Latency of one inference, ms (median, log scale)")
        axes.set_ylabel(metric.title)
        axes.set_title(title)
        axes.grid(color="#e8e8e8", linewidth=0.6)
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False)
        caption = (
            "Mean test score against the median latency of one inference. A network has one latency whatever taught "
            "it, so the methods of a student stand above each other; the bar spans all of them."
        )
        alt = f"Scatter plot of {metric.title} against latency for the students of {teacher} on {dataset}."
        return finish(figure, folder, KIND, name, title, caption, alt)


def _student(
    axes: Axes, results: Results, family: Family, x: float, metric: metrics.Metric, settings: Settings
) -> dict[str, Look]:
    """Draws one student's column with its name beside it and returns the looks it used."""
    found = outcomes(results, family, settings)
    means = {
        label: metric.scale * float(own.values().mean())
        for label, own in found.items()
        if own.scores and not own.complaint and label != settings.ceiling
    }
    if not means:
        return {}
    styles = {label: look for label, look in looks(means, None, settings).items() if look.strong}
    axes.plot(
        [x, x], [min(means.values()), max(means.values())], color=PALE, linewidth=4, solid_capstyle="butt", zorder=1
    )
    for label, look in styles.items():
        axes.plot(x, means[label], color=look.colour, marker=look.marker, markersize=5, zorder=3)
    # Beside and not below: students of about one latency differ in their scores.
    axes.annotate(
        family.student,
        (x, float(np.mean(list(means.values())))),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        color="#333333",
    )
    return styles


def _ticks(axes: Axes, values: list[float]) -> None:
    """Room around the points, and ticks at round numbers even where the axis spans less than a decade."""
    low, high = min(values), max(values)
    axes.set_xlim(low / 1.35, high * 1.35)
    axes.margins(y=0.14)
    axes.autoscale_view(scalex=False)
    narrow = high / low < 20
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
