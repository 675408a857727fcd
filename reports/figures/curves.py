"""Learning curves: mean validation score over epochs, one figure a family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.style import PALE, WIDTH, Drawing, canvas, finish, label_ends, looks
from reports.results import Family, Results
from reports.rows import CELL
from reports.settings import Settings
from reports.tables import comparison_title

KIND = "curves"
LATE = 0.25  # share of the epochs after which a curve must lie inside the frame
POINTS = 160  # drawn points a line: more only make the page heavier


def mean_curve(curves: pd.DataFrame) -> pd.Series:
    """Epoch -> mean validation score, over the epochs that EVERY seed reached.

    Beyond the first early stop the mean would be one of the runs that happened to last longest.
    """
    wide = curves.pivot(index="epoch", columns="seed", values="valid").sort_index().dropna()
    return wide.mean(axis=1)


def draw(results: Results, folder: Path, settings: Settings) -> list[Drawing]:
    if results.curves.empty:
        return []
    usable = results.runs.loc[results.runs["usable"], CELL]
    curves = results.curves.merge(usable, on=CELL, how="inner")
    drawings = []
    for family in results.families:
        rows = family.rows(curves)
        means = {
            label: mean_curve(rows[rows["method"] == label])
            for label in settings.method_order(rows["method"])
            if label != settings.ceiling
        }
        means = {label: curve for label, curve in means.items() if len(curve) > 1}
        if means:
            drawings.append(_figure(results, family, means, folder, settings))
    return drawings


def _figure(results: Results, family: Family, means: dict[str, pd.Series], folder: Path, settings: Settings) -> Drawing:
    metric = results.metric(family.dataset)
    title = comparison_title(results, family, settings)
    name = f"curves-{family.slug}"
    others = [label for label in means if label not in (settings.floor, settings.reference)]
    best = max(others, key=lambda label: float((metric.sign * means[label]).max()), default=None)
    with canvas(name):
        figure = Figure(figsize=(WIDTH, max(3.0, 0.165 * len(means) + 0.6)))
        axes = figure.add_axes((0.1, 0.14, 0.6, 0.77))
        styles = looks(means, best, settings)
        for label, curve in means.items():
            look = styles[label]
            kept = np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(int))
            axes.plot(
                curve.index[kept],
                curve.to_numpy()[kept] * metric.scale,
                color=look.colour if look.strong else PALE,
                linestyle=look.line,
                linewidth=1.4 if look.strong else 0.9,
                zorder=3 if look.strong else 1,
            )
        # Late epochs are what is compared; the climb from a random start would squeeze them into a sliver.
        late = [curve[curve.index >= LATE * curve.index[-1]] for curve in means.values()]
        values = np.concatenate([metric.scale * curve.to_numpy() for curve in late])
        ends = {label: (float(curve.index[-1]), metric.scale * float(curve.iloc[-1])) for label, curve in means.items()}
        margin = 0.04 * float(np.ptp(values)) or 1.0
        axes.set_ylim(values.min() - margin, values.max() + margin)
        axes.set_xlim(0, max(x for x, _ in ends.values()))
        axes.set_xlabel("Epoch")
        axes.set_ylabel(f"Validation score ({metric.title})")
        axes.set_title(title)
        axes.grid(axis="y", color="#e8e8e8", linewidth=0.6)
        label_ends(axes, ends, styles, {label: settings.method_title(label) for label in means})
        caption = (
            "Mean validation score over the seeds of each method, up to the last epoch that every seed reached. "
            "The first steep epochs lie outside the frame."
        )
        alt = f"Learning curves of {len(means)} methods, {title}."
        return finish(figure, folder, KIND, name, title, caption, alt)
