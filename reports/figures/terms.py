"""Terms of the loss over training, one panel per method that figures colour, one figure per family."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures.curves import mean_curves
from reports.figures.parts.limits import logarithmic_ticks
from reports.figures.parts.style import (
    BLACK,
    BLUE,
    GREEN,
    GRID,
    ORANGE,
    PURPLE,
    VERMILLION,
    Drawing,
    Look,
    canvas,
    finish,
    label_ends,
    width,
)
from reports.findings import Findings
from reports.results import Family

KIND = "terms"
TITLE = "Terms of the loss"
ORDER = 7
FOLDED = True
SINGLY = True
SUPERVISED = "labels"
"""The term that every method has, drawn in black."""
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
ACROSS = 2  # panels side by side
HEIGHT = 1.9  # inches of a panel with its heading and axis
ABOVE = 0.3  # inches of the title
CAPTION = (
    "Mean over the seeds of every term of the training loss, each as weighted, up to the last epoch that every seed "
    "reached: the reference, the methods in the spotlight, and the best of the rest. 'labels' is the supervised loss. "
    "Logarithmic where all terms are positive. A method is left out where a run of it failed or is missing."
)

Terms = dict[str, pd.Series]
"""Name of a term -> (epoch -> mean value)."""


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per family in which a method with more than the supervised term has two evaluations or more."""
    if findings.results.terms.empty:
        return []
    drawings = []
    for family in findings.results.families:
        rows = family.rows(findings.results.terms)
        found = {label: _means(rows[rows["method"] == label]) for label in _chosen(findings, family)}
        shown = {label: terms for label, terms in found.items() if len(terms) > 1}
        if shown:
            drawings.append(_figure(findings, family, shown, folder))
    return drawings


def _chosen(findings: Findings, family: Family) -> list[str]:
    """The reference, the methods in the spotlight, and the best of the rest, of those that were trained whole."""
    settings = findings.settings
    whole = {label: own for label, own in findings.attempts[family].items() if own.complete}
    named = [settings.reference, *settings.spotlight]
    rest = [label for label in whole if label not in (*named, settings.floor, settings.ceiling)]
    sign = findings.metric(family).sign
    best = max(rest, key=lambda label: float(sign * whole[label].values().mean()), default=None)
    return [label for label in dict.fromkeys([*named, best]) if label in whole]


def _means(rows: pd.DataFrame) -> Terms:
    """The terms of a method that have a line to draw, the supervised one first."""
    means = mean_curves(rows, "name", "value")
    order = sorted(means, key=lambda name: (name != SUPERVISED, name))
    return {name: means[name] for name in order if len(means[name]) > 1}


def _figure(findings: Findings, family: Family, shown: dict[str, Terms], folder: Path) -> Drawing:
    title, name = findings.title(family), f"{KIND}-{family.slug}"
    down = -(-len(shown) // ACROSS)
    with canvas(name):
        height = HEIGHT * down + ABOVE
        figure = Figure(figsize=(width(), height))
        figure.text(0.0, 1 - 0.1 / height, title, weight="bold", va="center")
        inside = {"left": 0.08, "right": 0.83, "bottom": 0.42 / height, "top": 1 - (ABOVE + 0.2) / height}
        panels = figure.subplots(down, ACROSS, squeeze=False, gridspec_kw={**inside, "hspace": 0.5, "wspace": 0.95})
        panels = panels.flatten()
        for axes, (label, terms) in zip(panels, shown.items(), strict=False):
            _panel(axes, terms)
            axes.set_title(findings.settings.method_title(label))
        for axes in panels[len(shown) :]:
            axes.remove()
        alt = f"Terms of the training loss of {len(shown)} methods, {title}."
        return finish(figure, folder, name, title, CAPTION, alt)


def _panel(axes: Axes, terms: Terms) -> None:
    others = [name for name in terms if name != SUPERVISED]
    styles = {name: Look(COLOURS[i % len(COLOURS)], "", "-", True) for i, name in enumerate(others)}
    styles[SUPERVISED] = Look(BLACK, "", "--", True)
    for name, curve in terms.items():
        look = styles[name]
        axes.plot(curve.index, curve.to_numpy(), color=look.colour, linestyle=look.line, linewidth=1.2)
    low, high = min(curve.min() for curve in terms.values()), max(curve.max() for curve in terms.values())
    if low > 0:
        axes.set_yscale("log")
        logarithmic_ticks(axes.yaxis, low, high)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(0, max(curve.index[-1] for curve in terms.values()))
    axes.set_ylim(axes.get_ylim())  # final: the labels' places rest on it
    axes.grid(axis="y", **GRID)
    ends = {name: (float(curve.index[-1]), float(curve.iloc[-1])) for name, curve in terms.items()}
    label_ends(axes, ends, styles, {name: name for name in terms})
