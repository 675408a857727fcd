"""How alike student and teacher are, layer by layer: CKA before and after training, one figure per family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from reports.figures.parts.style import Drawing, canvas, colour_scale, finish, numbered_layers, text_size
from reports.findings import Findings

KIND = "layers"
TITLE = "Layers of student and teacher"
ORDER = 5.7
FOLDED = True
SINGLY = True
WHEN = ("before", "after")
ACROSS = 3  # methods side by side
WIDTH, HEIGHT = 0.24, 0.24  # inches of a pair of layers
NARROWEST, WIDEST, TALLEST = 0.8, 1.4, 2.2  # inches of a map: a deep teacher has 64 layers
GAP, APART = 0.12, 0.5  # inches between the maps of a method, and between methods
LEFT, ABOVE, HEADING, BELOW = 0.5, 0.35, 0.42, 0.5  # inches left of the maps, of the title, over and below a map
CAPTION = (
    "Linear CKA of every hidden layer of the teacher (row) and of the student (column) on a sample of the test part, "
    "before the training (its first weights) and after it (those that are reported), mean over seeds: 0 is nothing "
    "in common, 1 the same up to a turn and a scale. Floor, reference, and the methods in the spotlight, but those of "
    "which a run failed or is missing."
)
Maps = tuple[NDArray[np.float64], NDArray[np.float64]]
"""[teacher layers, student layers] before and after."""


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per family with any layers; results of an earlier version have none."""
    results, settings, drawings = findings.results, findings.settings, []
    for family in results.families if len(results.layers) else []:
        found = maps(findings.whole(results.layers, family))
        chosen = dict.fromkeys([settings.floor, settings.reference, *settings.spotlight])
        shown = {settings.method_title(label): found[label] for label in chosen if label in found}
        if shown:
            drawings.append(_figure(shown, findings.title(family), f"{KIND}-{family.slug}", folder))
    return drawings


def maps(rows: pd.DataFrame) -> dict[str, Maps]:
    """Method -> its means over seeds, where it has both; a pair without a number in any seed stays NaN."""
    means = rows.groupby(["method", "name", "row", "column"])["value"].mean()
    found = {}
    for method, own in means.groupby(level="method"):
        both = {str(when): each.droplevel(["method", "name"]).unstack() for when, each in own.groupby(level="name")}
        if set(both) == set(WHEN):
            found[str(method)] = both[WHEN[0]].to_numpy(float), both[WHEN[1]].to_numpy(float)
    return found


def _figure(shown: dict[str, Maps], title: str, name: str, folder: Path) -> Drawing:
    every = [each for pair in shown.values() for each in pair]
    rows, columns = (max(each.shape[axis] for each in every) for axis in (0, 1))
    width, height = float(np.clip(columns * WIDTH, NARROWEST, WIDEST)), min(max(rows * HEIGHT, 0.5), TALLEST)
    across, down = 2 * width + GAP + APART, height + HEADING + BELOW
    lines = -(-len(shown) // ACROSS)
    total = LEFT + min(len(shown), ACROSS) * across + 0.3, ABOVE + lines * down

    def place(left: float, bottom: float, wide: float) -> tuple[float, float, float, float]:
        """Inches as shares of the figure."""
        return left / total[0], bottom / total[1], wide / total[0], height / total[1]

    with canvas(name):
        figure = Figure(figsize=total)
        figure.text(0.0, 1 - 0.12 / total[1], title, weight="bold", va="center")
        for number, (heading, pair) in enumerate(shown.items()):
            line, column = divmod(number, ACROSS)
            left, bottom = LEFT + column * across, total[1] - ABOVE - line * down - HEADING - height
            figure.text(left / total[0], (bottom + height + 0.3) / total[1], heading, weight="bold", va="center")
            for side, (values, when) in enumerate(zip(pair, WHEN, strict=True)):
                axes = figure.add_axes(place(left + side * (width + GAP), bottom, width))
                image = _map(axes, values)
                axes.set_title(when, size=text_size(), weight="normal", pad=3)
                axes.set_xlabel("Student layer")
                if side:
                    axes.set_yticks([])
                elif not column:
                    axes.set_ylabel("Teacher layer")
        bar = figure.add_axes(place(total[0] - 0.6, total[1] - ABOVE - HEADING - height, 0.1))
        colour_scale(bar, image, [0, 0.5, 1])
        alt = f"Heat maps of linear CKA per pair of layers before and after training, {len(shown)} methods, {title}."
        return finish(figure, folder, name, title, CAPTION, alt)


def _map(axes: Axes, values: NDArray[np.float64]) -> AxesImage:
    image = axes.imshow(values, cmap="viridis", vmin=0.0, vmax=1.0, aspect="auto", interpolation="none")
    axes.set_xticks(*numbered_layers(range(values.shape[1])))
    axes.set_yticks(*numbered_layers(range(values.shape[0])))
    axes.tick_params(length=0)
    return image
