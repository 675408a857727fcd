"""Learning curves: mean validation score over epochs, one figure per family."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.parts.style import GRID, Drawing, Look, band, canvas, finish, label_ends, lines, looks, width
from reports.findings import Findings
from reports.results import Family

KIND = "curves"
TITLE = "Learning curves"
ORDER = 6
FOLDED = True
SINGLY = True
LATE = 0.25  # share of the epochs after which a curve must lie inside the frame
POINTS = 160  # drawn points per line: more only make the page heavier
CAPTION = (
    "Mean validation score over the seeds of each method, up to the last epoch that every seed reached; the band spans "
    "all other methods. The first steep epochs lie outside the frame. A method is left out where a run of it failed or "
    "is missing."
)


def mean_curves(rows: pd.DataFrame, by: str = "method", values: str = "valid") -> dict[str, pd.Series]:
    """Group -> (epoch -> mean over its seeds of validation scores or another column), at epochs that EVERY seed has.

    Beyond the first early stop the mean would be one of the trainings that happened to last longest.

    Args:
        rows: one per seed and epoch of every group.
        by: column that tells the groups apart.
    """
    found = rows.groupby([by, "epoch"])[values].agg(["mean", "count"])
    whole = found[found["count"] == rows.groupby(by)["seed"].nunique().reindex(found.index, level=by)]
    return {str(label): own.droplevel(by) for label, own in whole["mean"].groupby(level=by)}


@cache
def of_family(findings: Findings, family: Family) -> dict[str, pd.Series]:
    """Label -> mean learning curve in printed units, of the methods all of whose trainings gave a score."""
    attempts, scale = findings.attempts[family], findings.metric(family).scale
    whole = [label for label, own in attempts.items() if label != findings.settings.ceiling and own.complete]
    found = mean_curves(family.rows(findings.results.curves))
    return {label: scale * found[label] for label in whole if len(found.get(label, ())) > 1}


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per family with any curve of two evaluations or more."""
    if findings.results.curves.empty:
        return []
    found = {family: of_family(findings, family) for family in findings.results.families}
    return [_figure(findings, family, means, folder) for family, means in found.items() if means]


def _figure(findings: Findings, family: Family, means: dict[str, pd.Series], folder: Path) -> Drawing:
    """Draws the curves, label -> (epoch -> score in printed units)."""
    settings, metric, title = findings.settings, findings.metric(family), findings.title(family)
    name = f"{KIND}-{family.slug}"
    others = [label for label in means if label not in (settings.floor, settings.reference)]
    best = max(others, key=lambda label: float((metric.sign * means[label]).max()), default=None)
    styles = looks(means, best, settings)
    with canvas(name):
        figure = Figure(figsize=(width(), max(3.0, lines(sum(look.strong for look in styles.values())) + 0.6)))
        axes = figure.add_axes((0.1, 0.14, 0.6, 0.77))
        _lines(axes, means, styles)
        ends = {label: (float(curve.index[-1]), float(curve.iloc[-1])) for label, curve in means.items()}
        axes.set_xlim(0, max(x for x, _ in ends.values()))
        axes.set_xlabel("Epoch")
        axes.set_ylabel(f"Validation score ({metric.title})")
        axes.set_title(title)
        axes.grid(axis="y", **GRID)
        named = {label: settings.method_title(label) for label in means if styles[label].strong}
        label_ends(axes, {label: ends[label] for label in named}, styles, named)
        alt = f"Learning curves of {len(means)} methods, {title}."
        return finish(figure, folder, name, title, CAPTION, alt)


def _thinned(curve: pd.Series) -> list[tuple[float, float]]:
    """The curve at some of the epochs, the same for all that were evaluated as often and as long."""
    epochs = curve.index.to_numpy(float)
    places = np.linspace(epochs[0], epochs[-1], POINTS)
    return list(zip(places, np.interp(places, epochs, curve.to_numpy(float)), strict=True))


def _lines(axes: Axes, means: dict[str, pd.Series], styles: dict[str, Look]) -> None:
    """The curves, in a frame around their late epochs; the climb from a random start would squeeze those flat."""
    band(axes, {label: _thinned(curve) for label, curve in means.items() if not styles[label].strong})
    for label, curve in means.items():
        look = styles[label]
        if not look.strong:
            continue
        kept = np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(int))
        axes.plot(
            curve.index[kept],
            curve.to_numpy()[kept],
            color=look.colour,
            linestyle=look.line,
            linewidth=1.4,
            zorder=3,
        )
    late = np.concatenate([curve[curve.index >= LATE * curve.index[-1]].to_numpy() for curve in means.values()])
    margin = 0.04 * float(np.ptp(late)) or 1.0
    axes.set_ylim(late.min() - margin, late.max() + margin)
