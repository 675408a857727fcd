"""Performance profiles over all students: how often a training gains more than any given amount."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from reports import aggregate, resampling
from reports.aggregate import Joined
from reports.figures.parts.style import DARK, GRID, Drawing, band, canvas, finish, looks, width
from reports.findings import Findings

KIND = "profiles"
TITLE = "Performance profiles"
ORDER = 4.5
POINTS = 121


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per unit in which gains are counted."""
    return [_figure(findings, tasks, folder) for tasks in aggregate.joined(findings)]


def _figure(findings: Findings, tasks: Joined, folder: Path) -> Drawing:
    settings = findings.settings
    name, count = f"{KIND}-{tasks.slug}", len(tasks.families)
    title = f"Gains over {settings.method_title(tasks.base)}, {count} {'student' if count == 1 else 'students'}"
    best = next((label for label in tasks.gains if label not in (settings.floor, settings.reference)), None)
    styles = looks(tasks.gains, best, settings)
    strong = [label for label, look in styles.items() if look.strong]
    # From where the weakest that matters begins: a collapsed method would squeeze the others flat.
    values = np.concatenate([tasks.values(label) for label in strong])
    low, high = np.quantile(values, [0.02, 1.0])
    thresholds = np.linspace(low - 0.02 * (high - low), high + 0.02 * (high - low) + 1e-9, POINTS)
    with canvas(name):
        figure = Figure(figsize=(width(), 3.3))
        axes = figure.add_axes((0.1, 0.14, 0.6, 0.77))
        axes.axvline(0, color=DARK, linewidth=0.8, zorder=0)
        others = {
            label: list(zip(thresholds, resampling.performance_profile(own, thresholds), strict=True))
            for label, own in tasks.gains.items()
            if label not in strong
        }
        band(axes, others, "range of {} others".format)
        for label in strong:
            share, bottom, top = aggregate.profile(tasks, label, thresholds, settings.alpha)
            look = styles[label]
            axes.fill_between(thresholds, bottom, top, color=look.colour, alpha=0.15, linewidth=0)
            axes.plot(
                thresholds,
                share,
                color=look.colour,
                linestyle=look.line,
                linewidth=1.4,
                label=settings.method_title(label),
            )
        axes.set_xlim(thresholds[0], thresholds[-1])
        axes.set_ylim(0, 1)
        axes.set_xlabel(f"Gain, {tasks.unit}")
        axes.set_ylabel("Share of trainings that gain more")
        axes.grid(**GRID)
        axes.set_title(title)
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.02), frameon=False)
        caption = (
            "Share of a method's trainings whose gain exceeds each value, every student counted alike; higher is "
            f"better. Narrow bands: pointwise {settings.level} % bootstrap intervals over seeds within students, the "
            f"mean of {settings.method_title(tasks.base)} as it was seen. Grey: the range of all other methods."
        )
        order = ", ".join(settings.method_title(label) for label in tasks.gains)
        alt = f"Performance profiles of {len(strong)} methods. By interquartile mean of all, best first: {order}."
        return finish(figure, folder, name, title, caption, alt)
