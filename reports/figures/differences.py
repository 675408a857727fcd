"""Paired differences to the reference with their intervals, sorted (a forest plot), one figure a family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.style import BLUE, GREY, VERMILLION, Drawing, canvas, finish
from reports.results import Family, Results
from reports.settings import Settings
from reports.tables import comparison_title

KIND = "differences"
MARKS = {"better": (BLUE, "^"), "worse": (VERMILLION, "v")}
OTHER = (GREY, "o")
ROW = 0.185  # inches


def draw(results: Results, comparisons: pd.DataFrame, folder: Path, settings: Settings) -> list[Drawing]:
    """Families without any interval (one seed, or no reference) have no figure."""
    drawings = []
    for family in results.families:
        rows = family.rows(comparisons)
        rows = rows[np.isfinite(rows["ci_low"])].sort_values(["difference", "method"], ignore_index=True)
        if len(rows):
            drawings.append(_figure(results, family, rows, folder, settings))
    return drawings


def _figure(results: Results, family: Family, rows: pd.DataFrame, folder: Path, settings: Settings) -> Drawing:
    metric = results.metric(family.dataset)
    reference = settings.method_title(settings.reference)
    title = comparison_title(results, family, settings)
    name = f"differences-{family.slug}"
    with canvas(name):
        figure = Figure(figsize=(5.6, ROW * len(rows) + 0.9))
        axes = figure.add_axes((0.27, 0.55 / (ROW * len(rows) + 0.9), 0.5, ROW * len(rows) / (ROW * len(rows) + 0.9)))
        axes.axvline(0, color="#333333", linewidth=0.8)
        for place, row in enumerate(rows.to_dict("records")):
            colour, marker = MARKS.get(row["verdict"], OTHER)
            values = np.array([row["ci_low"], row["difference"], row["ci_high"]]) * metric.scale
            axes.plot(values[[0, 2]], [place, place], color=colour, linewidth=1.4, solid_capstyle="butt")
            axes.plot(values[1], place, marker=marker, color=colour, markersize=5)
            known = row["verdict"] in MARKS
            axes.text(
                1.03,
                place,
                f"{metric.signed(row['difference'])}  {str(row['verdict']).split(':')[0]}",
                transform=axes.get_yaxis_transform(),
                va="center",
                color=colour if known else "#555555",
            )
        axes.set_yticks(range(len(rows)), [settings.method_title(label) for label in rows["method"]])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color="#e8e8e8", linewidth=0.6)
        axes.set_xlabel(f"Difference to {reference}, {metric.unit} (right is better)")
        # Placed from the figure's left edge: over the narrow axes alone a long pair of names would not fit.
        figure.text(0.0, 1 - 0.12 / (ROW * len(rows) + 0.9), title, weight="bold", va="center")
        level = f"{100 * (1 - settings.alpha):g}"
        caption = (
            f"Mean paired difference to {reference} with its {level} % t-interval. Triangles: significant after Holm's "
            "correction over the family; intervals are not corrected, so one may miss zero without being significant."
        )
        better = [settings.method_title(m) for m in rows.loc[rows["verdict"] == "better", "method"]]
        alt = f"Forest plot of {len(rows)} methods against {reference}, {title}. Significantly better: " + (
            (", ".join(better) or "none") + "."
        )
        return finish(figure, folder, KIND, name, title, caption, alt)
