"""Attention over training: how sharp each teacher layer's is, and its share on the diagonal, one figure per family."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from reports.figures.parts.style import BLUE, DARK, GRID, PALE, Drawing, canvas, colour_scale, finish, text_size, width
from reports.findings import Findings

KIND = "focus"
TITLE = "Attention over training"
ORDER = 5.5
FOLDED = True
SINGLY = True
ROW, LEAST, MOST = 0.16, 0.9, 1.7  # inches of a teacher layer in a map, and of a map
ABOVE, HEADING, BELOW = 0.3, 0.4, 0.42  # inches of the title, over a map, and below it
CAPTION = (
    "Left: entropy of the attention of each teacher layer (row) over the student's layers, divided by that of uniform "
    "attention, mean over seeds: 1 is spread evenly, 0 is all on one layer. Right: mean share of a teacher layer's "
    "attention on the student layer at its own relative depth (the diagonal); thin, each seed; dashed, uniform "
    "attention. Epochs at which every seed was recorded. A layer without any weight is left blank, and out on "
    "the right; attention that never moves is left out, and so is a method of which a run failed or is missing."
)


@dataclass(frozen=True)
class Focus:
    """The attention of one method over training.

    Attributes:
        epochs: [k] at which every seed was recorded.
        entropy: [rows, k] of each teacher layer's attention over that of uniform attention, mean over seeds; of a layer
            without any weight, as one outside a comparison has and one that rounding leaves none, there is none (nan).
        diagonal: [seeds, k] mean over rows, but those, of the share on the diagonal.
        uniform: the share that uniform attention has there.
    """

    epochs: NDArray[np.int64]
    entropy: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    uniform: float


def focus(rows: pd.DataFrame) -> Focus | None:
    """What the maps of one method's seeds say; None below two epochs or columns, or where they never move.

    Args:
        rows: seed, epoch, row, column and value of each weight.
    """
    frame = rows.set_index(["seed", "epoch", "row", "column"])["value"].astype(float).unstack("column")
    seeds = frame.index.get_level_values("seed").unique()
    count = frame.groupby(level="epoch").size()
    teacher, student = frame.index.get_level_values("row").nunique(), frame.shape[1]
    epochs = count.index[count == len(seeds) * teacher].to_numpy()
    if len(epochs) < 2 or student < 2:
        return None
    kept = frame[frame.index.get_level_values("epoch").isin(epochs)].sort_index()
    maps = kept.to_numpy().reshape(len(seeds), len(epochs), teacher, student)
    if not np.isfinite(maps).all() or np.ptp(maps, axis=1).max() < 1e-6:
        return None
    weight = maps.sum(-1, keepdims=True)
    maps = np.divide(maps, weight, out=np.full_like(maps, np.nan), where=weight > 0)
    logarithms = np.log(np.where(maps > 0, maps, 1.0))
    entropy = -(maps * logarithms).sum(-1) / np.log(student)
    own = np.round(np.linspace(0, student - 1, teacher)).astype(int)
    diagonal = maps[..., np.arange(teacher), own]
    return Focus(epochs, _mean(entropy, 0).T, _mean(diagonal, -1), 1 / student)


def _mean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Of the numbers there are; nan of none."""
    found: NDArray[np.float64] = np.ma.filled(np.ma.masked_invalid(values).mean(axis), np.nan)
    return found


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per family with attention that moves."""
    results, settings, drawings = findings.results, findings.settings, []
    for family in results.families if len(results.attention) else []:
        rows = findings.whole(results.attention, family)
        found = {(str(method), str(name)): focus(own) for (method, name), own in rows.groupby(["method", "name"])}
        order = settings.method_order({method for method, _ in found})
        names = Counter(method for method, _ in found)
        shown = [
            (settings.method_title(method) + (f", {name}" if names[method] > 1 else ""), own)
            for (method, name), own in sorted(found.items(), key=lambda each: (order.index(each[0][0]), each[0][1]))
            if own is not None
        ]
        if shown:
            drawings.append(_figure(shown, findings.title(family), f"{KIND}-{family.slug}", folder))
    return drawings


def _figure(shown: list[tuple[str, Focus]], title: str, name: str, folder: Path) -> Drawing:
    heights = [float(np.clip(ROW * len(own.entropy), LEAST, MOST)) for _, own in shown]
    total = ABOVE + sum(heights) + (HEADING + BELOW) * len(shown)
    with canvas(name):
        figure = Figure(figsize=(width(), total))
        figure.text(0.0, 1 - 0.1 / total, title, weight="bold", va="center")
        top = total - ABOVE
        for (heading, own), height in zip(shown, heights, strict=True):
            top -= height + HEADING
            figure.text(0.0, (top + height + 0.28) / total, heading, weight="bold", va="center")
            left = figure.add_axes((0.07, top / total, 0.4, height / total))
            bar = figure.add_axes((0.485, top / total, 0.015, height / total))
            right = figure.add_axes((0.62, top / total, 0.38, height / total))
            _entropy(left, bar, own)
            _diagonal(right, own)
            top -= BELOW
        alt = f"Entropy and diagonal share of the attention of {len(shown)} methods over training, {title}."
        return finish(figure, folder, name, title, CAPTION, alt)


def _entropy(axes: Axes, bar: Axes, own: Focus) -> None:
    """A cell per recorded epoch, as wide as the others: they are evenly spaced."""
    layers = len(own.entropy)
    image = axes.imshow(
        own.entropy, cmap="viridis_r", vmin=0.0, vmax=1.0, aspect="auto", interpolation="none", origin="upper"
    )
    places = np.unique(np.linspace(0, len(own.epochs) - 1, min(6, len(own.epochs))).round().astype(int))
    axes.set_xticks(places, [str(own.epochs[place]) for place in places])
    rows = np.unique(np.linspace(0, layers - 1, min(5, layers)).round().astype(int))
    axes.set_yticks(rows, [str(row + 1) for row in rows])
    axes.tick_params(length=0)
    axes.set_ylabel("Teacher layer")
    axes.set_xlabel("Epoch")
    axes.set_title("Entropy", size=text_size(), weight="normal", pad=3)
    colour_scale(bar, image, [0, 0.5, 1])


def _diagonal(axes: Axes, own: Focus) -> None:
    axes.plot(own.epochs, own.diagonal.T, color=PALE, linewidth=0.7)
    axes.plot(own.epochs, _mean(own.diagonal, 0), color=BLUE, linewidth=1.4)
    axes.axhline(own.uniform, color=DARK, linewidth=0.8, linestyle="--")
    axes.set_ylim(0, max(1.1 * float(np.nanmax(own.diagonal)), 1.5 * own.uniform))
    axes.set_xlim(own.epochs[0], own.epochs[-1])
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("Epoch")
    axes.set_title("Share on the diagonal", size=text_size(), weight="normal", pad=3)
    axes.grid(axis="y", **GRID)
