"""Paired differences to the reference with their intervals, sorted (a forest plot), one figure per family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.attempts import Verdict
from reports.comparisons import UNPAIRED, Comparison
from reports.figures.parts.limits import limits, near
from reports.figures.parts.style import BLUE, DARK, GREY, GRID, SOFT, VERMILLION, Drawing, canvas, finish, lines, width
from reports.findings import Findings
from reports.metrics import Metric
from reports.results import Family

KIND = "differences"
TITLE = "Differences to the reference"
ORDER = 2
SINGLY = True
MARKS = {Verdict.BETTER: (BLUE, "^"), Verdict.WORSE: (VERMILLION, "v")}
OTHER = (GREY, "o")
ROW = 1.12  # lines of text


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """Families without any interval (one seed, or no reference) have no figure."""
    drawings = []
    for family in findings.results.families:
        rows = [row for row in findings.comparisons[family] if np.isfinite(row.ci_low)]
        if rows:
            rows.sort(key=lambda row: (row.difference, row.method))
            drawings.append(_figure(findings, family, rows, folder))
    return drawings


def _figure(findings: Findings, family: Family, rows: list[Comparison], folder: Path) -> Drawing:
    settings, metric, title = findings.settings, findings.metric(family), findings.title(family)
    reference = settings.method_title(settings.reference)
    name = f"{KIND}-{family.slug}"
    height = lines(ROW * len(rows)) + 0.9
    with canvas(name):
        figure = Figure(figsize=(width(0.875), height))
        axes = figure.add_axes((0.27, 0.55 / height, 0.5, lines(ROW * len(rows)) / height))
        axes.axvline(0, color=DARK, linewidth=0.8)
        kept = near([row.difference for row in rows], 0.0)
        ends = [
            end * metric.scale for row, at in zip(rows, kept, strict=True) if at for end in (row.ci_low, row.ci_high)
        ]
        low, high = limits([0.0, *ends])
        axes.set_xlim(low, high)
        # Far from the rest, and yet on an axis that an interval has made long: its own is cut off there.
        kept |= np.array([low <= row.difference * metric.scale <= high for row in rows])
        cut = np.array([row.ci_low * metric.scale < low for row in rows]) | ~kept
        for verdict in dict.fromkeys(row.verdict for row in rows):
            own = [place for place, row in enumerate(rows) if row.verdict == verdict]
            _alike(axes, {place: rows[place] for place in own}, metric, kept, cut)
        axes.set_yticks(range(len(rows)), [settings.method_title(row.method) for row in rows])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", **GRID)
        axes.set_xlabel(f"Difference to {reference}, {metric.unit} (right is better; intervals not corrected)")
        # Placed from the figure's left edge: over the narrow axes alone a long pair of names would not fit.
        figure.text(0.0, 1 - 0.12 / height, title, weight="bold", va="center")
        how = "Mean paired difference"
        if any(row.reason == UNPAIRED for row in rows):
            how = "Mean difference, paired where seeds are the same,"
        caption = (
            f"{how} to {reference} with its {settings.level} % t-interval. Triangles: significant "
            "after Holm's correction over the family; intervals are not corrected, so one may miss zero without being "
            "significant."
        )
        if cut.any():
            caption += (
                " Arrowheads at the edge: an interval, or all of a method, lies further below than the axis reaches."
            )
        better = [settings.method_title(row.method) for row in rows if row.verdict == Verdict.BETTER]
        alt = f"Forest plot of {len(rows)} methods against {reference}, {title}. Significantly better: " + (
            (", ".join(better) or "none") + "."
        )
        return finish(figure, folder, name, title, caption, alt)


def _alike(
    axes: Axes, rows: dict[int, Comparison], metric: Metric, kept: NDArray[np.bool_], cut: NDArray[np.bool_]
) -> None:
    """Methods of one verdict by their places: intervals, means that are kept, arrowheads where something is cut off."""
    colour, marker = MARKS.get(next(iter(rows.values())).verdict, OTHER)
    inside = [place for place in rows if kept[place]]
    low, mean, high = (
        metric.scale * np.array([getattr(rows[place], name) for place in inside])
        for name in ("ci_low", "difference", "ci_high")
    )
    axes.hlines(inside, low, high, color=colour, linewidth=1.4)
    axes.plot(mean, inside, linestyle="", marker=marker, color=colour, markersize=5)
    if beyond := [place for place in rows if cut[place]]:
        across = axes.get_yaxis_transform()
        axes.plot([0.015] * len(beyond), beyond, "<", color=colour, markersize=5, transform=across)
    for place, row in rows.items():
        axes.text(
            1.03,
            place,
            f"{metric.signed(row.difference)}  {row.verdict}",
            transform=axes.get_yaxis_transform(),
            va="center",
            color=colour if row.verdict in MARKS else SOFT,
        )
