"""Attention of teacher layers over student layers, at the start and at the end of training, one figure a family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from reports.figures.style import TEXT_SIZE, Drawing, canvas, finish
from reports.results import Family, Results
from reports.settings import Settings
from reports.tables import comparison_title

KIND = "attention"
NUMBERED = 60  # cells of a map up to which each carries its number
CELL_WIDTH, CELL_HEIGHT = 0.42, 0.27  # inches


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


def draw(results: Results, folder: Path, settings: Settings) -> list[Drawing]:
    drawings = []
    for family in results.families if len(results.attention) else []:
        # A seed that failed is not averaged over.
        usable = family.rows(results.runs).query("usable")[["method", "seed"]]
        found = maps(family.rows(results.attention).merge(usable, on=["method", "seed"]))
        order = settings.method_order({method for method, _ in found})
        ordered = {key: found[key] for key in sorted(found, key=lambda key: (order.index(key[0]), key[1]))}
        if ordered:
            drawings.append(_figure(results, family, ordered, folder, settings))
    return drawings


def _figure(
    results: Results,
    family: Family,
    found: dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame, int]],
    folder: Path,
    settings: Settings,
) -> Drawing:
    title = comparison_title(results, family, settings)
    name = f"attention-{family.slug}"
    several = len({key[1] for key in found}) > 1
    rows, columns = (max(first.shape[axis] for first, _, _ in found.values()) for axis in (0, 1))
    width, height = columns * CELL_WIDTH, rows * CELL_HEIGHT
    across, down = max(width, 1.3) + 0.65, height + 0.95
    with canvas(name):
        total = (0.5 + 2 * across + 0.7, 0.35 + down * len(found))
        figure = Figure(figsize=total)
        figure.text(0.0, 1 - 0.12 / total[1], title, weight="bold", va="center")
        top = float(np.nanmax([frame.to_numpy().max() for first, last, _ in found.values() for frame in (first, last)]))
        image = None
        for place, ((method, part), (first, last, seeds)) in enumerate(found.items()):
            heading = settings.method_title(method) + (f", {part}" if several else "") + f" ({seeds} seeds)"
            # On a line of its own: a long name over the narrow left map would run into the right one.
            figure.text(0.5 / total[0], 1 - (0.42 + place * down) / total[1], heading, weight="bold", va="center")
            for side, (frame, when) in enumerate(((first, "start"), (last, "end"))):
                left = 0.5 + side * across
                bottom = total[1] - 0.75 - place * down - height
                axes = figure.add_axes((left / total[0], bottom / total[1], width / total[0], height / total[1]))
                image = _map(axes, frame, top)
                axes.set_title(when, size=TEXT_SIZE, weight="normal")
                if not side:
                    axes.set_ylabel("Teacher layer")
                axes.set_xlabel("Student layer")
        bar = figure.add_axes(
            (
                (0.5 + 2 * across - 0.3) / total[0],
                (total[1] - 0.75 - height) / total[1],
                0.1 / total[0],
                height / total[1],
            )
        )
        assert image is not None
        figure.colorbar(image, cax=bar)
        caption = (
            "Attention of each teacher layer (row) over the student's layers (column), the output layer last, mean "
            "over seeds: after the first epoch on the left, at the end of training on the right. The darker, the more "
            "a pair weighs."
        )
        alt = f"Heat maps of layer attention at the start and the end of training, {title}."
        return finish(figure, folder, KIND, name, title, caption, alt)


def _map(axes: Axes, frame: pd.DataFrame, top: float) -> AxesImage:
    values = frame.to_numpy()
    image = axes.imshow(values, cmap="Blues", vmin=0.0, vmax=top, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(values.shape[1]), [_layer(name) for name in frame.columns])
    axes.set_yticks(range(values.shape[0]), [_layer(name) for name in frame.index])
    axes.tick_params(length=0)
    if values.size <= NUMBERED:
        for i, j in np.ndindex(values.shape):
            colour = "white" if values[i, j] > 0.6 * top else "black"
            axes.text(j, i, f"{values[i, j]:.2f}", ha="center", va="center", color=colour, size=TEXT_SIZE - 1)
    return image


def _layer(name: object) -> str:
    """Layers are counted from 1, as in the equations."""
    return str(int(name) + 1) if isinstance(name, int | np.integer) else str(name)
