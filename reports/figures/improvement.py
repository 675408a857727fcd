"""Which method beats which: the matrix of probabilities of improvement over all students."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from reports import aggregate
from reports.figures.parts.style import Drawing, canvas, colour_scale, finish, lines, text_size
from reports.findings import Findings

KIND = "improvement"
TITLE = "Probability of improvement"
ORDER = 4.6
NUMBERED = 16
"""Methods up to which every cell holds its number."""
CELL = {True: 2.4, False: 1.35}
"""Lines of text that a cell takes with a number in it, and without."""


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure, or none below two methods."""
    labels, values = aggregate.matrix(findings)
    if not labels:
        return []
    titles = [findings.settings.method_title(label) for label in labels]
    numbered = len(labels) <= NUMBERED
    side = lines(CELL[numbered]) * len(labels)
    title = "Probability that a training of the row beats one of the column"
    # Room for the names is left to the tight box: the axes alone have a size.
    with canvas(KIND):
        figure = Figure(figsize=(side + 1, side + 1))
        axes = figure.add_axes((0.0, 0.0, side / (side + 1), side / (side + 1)))
        shown = np.where(np.eye(len(labels), dtype=bool), np.nan, values)
        image = axes.imshow(shown, cmap="PuOr_r", vmin=0.0, vmax=1.0, interpolation="none")
        axes.set_xticks(range(len(labels)), titles, rotation=90)
        axes.set_yticks(range(len(labels)), titles)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if numbered:
            for i, j in zip(*np.nonzero(~np.isnan(shown)), strict=True):
                colour = "white" if abs(shown[i, j] - 0.5) > 0.35 else "black"
                axes.text(j, i, f"{shown[i, j]:.2f}", ha="center", va="center", color=colour, size=text_size() - 1)
        bar = figure.add_axes(
            (side / (side + 1) + 0.15 / (side + 1), 0.0, 0.12 / (side + 1), min(side, 2.0) / (side + 1))
        )
        colour_scale(bar, image)
        bar.set_ylabel("P(row beats column)", rotation=270, labelpad=text_size() + 2)
        bar.yaxis.set_label_position("right")
        caption = f"{title}, ties counted half, mean over students; by interquartile mean of the gains, best first."
        beaten = [f"{titles[i]} {values[i].sum() - 0.5:.1f}" for i in range(min(3, len(titles)))]
        alt = f"Matrix of {len(labels)} methods. Sums of the first rows: {', '.join(beaten)}."
        return [finish(figure, folder, KIND, title, caption, alt)]
