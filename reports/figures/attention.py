"""Attention of teacher layers over student layers, at the start and at the end of training, one figure per family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from reports.figures.parts.style import Drawing, canvas, colour_scale, finish, numbered_layers, text_size
from reports.findings import Findings

KIND = "attention"
TITLE = "Layer attention"
ORDER = 5
FOLDED = True
SINGLY = True
NUMBERED = 60  # cells of a map up to which each carries its number
CELL_WIDTH, CELL_HEIGHT = 0.42, 0.27  # inches
TALLEST, WIDEST = 2.2, 3.4  # inches of a map: a deep teacher has 64 layers
LEFT, ABOVE, BELOW = 0.5, 0.35, 0.95  # inches left of the maps, above the first pair, and between pairs
CAPTION = (
    "Attention of each teacher layer (row) over the student's layers (column), the output layer last, mean "
    "over seeds: after the first epoch on the left, at the end of training on the right. The darker, the more "
    "a pair weighs. A method is left out where a run of it failed or is missing."
)

Maps = list[tuple[str, pd.DataFrame, pd.DataFrame]]
"""(heading, first map, last map), as they stand below each other."""


def maps(rows: pd.DataFrame) -> dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame, int]]:
    """(method, name) -> (first map, last map, seeds): means over seeds of each seed's first and last epoch.

    Seeds that stopped at different epochs still each contribute their own last map.
    """
    found = {}
    rows = rows[np.isfinite(rows["value"].astype(float))]
    for (method, name), each in rows.groupby(["method", "name"]):
        ends = []
        for pick in ("min", "max"):
            epoch = each.groupby("seed")["epoch"].transform(pick)
            ends.append(each[each["epoch"] == epoch].pivot_table(index="row", columns="column", values="value"))
        found[str(method), str(name)] = (ends[0], ends[1], each["seed"].nunique())
    return found


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per family whose methods traced any attention."""
    results, settings = findings.results, findings.settings
    drawings = []
    for family in results.families if len(results.attention) else []:
        found = maps(findings.whole(results.attention, family))
        order = settings.method_order({method for method, _ in found})
        several = len({name for _, name in found}) > 1
        shown: Maps = []
        for method, name in sorted(found, key=lambda key: (order.index(key[0]), key[1])):
            first, last, seeds = found[method, name]
            part = f", {name}" if several else ""
            planned = findings.attempts[family][method].attempted
            share = f"{seeds} seeds" if seeds == planned else f"{seeds} of {planned} seeds"
            shown.append((f"{settings.method_title(method)}{part} ({share})", first, last))
        if shown:
            drawings.append(_figure(shown, findings.title(family), f"{KIND}-{family.slug}", folder))
    return drawings


def _figure(shown: Maps, title: str, name: str, folder: Path) -> Drawing:
    every = [each for _, *pair in shown for each in pair]
    rows, columns = (max(each.shape[axis] for each in every) for axis in (0, 1))
    width, height = min(columns * CELL_WIDTH, WIDEST), min(rows * CELL_HEIGHT, TALLEST)
    across, down = max(width, 1.3) + 0.65, height + BELOW
    total = (LEFT + 2 * across + 0.7, ABOVE + down * len(shown))
    top = float(np.nanmax([each.to_numpy().max() for each in every]))

    def place(left: float, bottom: float, width: float) -> tuple[float, float, float, float]:
        """Inches as shares of the figure."""
        return left / total[0], bottom / total[1], width / total[0], height / total[1]

    with canvas(name):
        figure = Figure(figsize=total)
        figure.text(0.0, 1 - 0.12 / total[1], title, weight="bold", va="center")
        for number, (heading, first, last) in enumerate(shown):
            # On a line of its own: a long name over the narrow left map would run into the right one.
            level = 1 - (0.42 + number * down) / total[1]
            figure.text(LEFT / total[0], level, heading, weight="bold", va="center")
            for side, (values, when) in enumerate(((first, "start"), (last, "end"))):
                bottom = total[1] - 0.75 - number * down - height
                axes = figure.add_axes(place(LEFT + side * across, bottom, width))
                image = _map(axes, values, top)
                axes.set_title(when, size=text_size(), weight="normal")
                if not side:
                    axes.set_ylabel("Teacher layer")
                axes.set_xlabel("Student layer")
        bar = figure.add_axes(place(LEFT + 2 * across - 0.3, total[1] - 0.75 - height, 0.1))
        colour_scale(bar, image)
        alt = f"Heat maps of layer attention at the start and the end of training, {title}."
        return finish(figure, folder, name, title, CAPTION, alt)


def _map(axes: Axes, frame: pd.DataFrame, top: float) -> AxesImage:
    values = frame.to_numpy()
    image = axes.imshow(values, cmap="Blues", vmin=0.0, vmax=top, aspect="auto", interpolation="none")
    axes.set_xticks(*numbered_layers(frame.columns.to_numpy()))
    axes.set_yticks(*numbered_layers(frame.index.to_numpy()))
    axes.tick_params(length=0)
    if values.size <= NUMBERED:
        for i, j in np.ndindex(values.shape):
            colour = "white" if values[i, j] > 0.6 * top else "black"
            axes.text(j, i, f"{values[i, j]:.2f}", ha="center", va="center", color=colour, size=text_size() - 1)
    return image
