"""What every trial of tuning scored, by the hyperparameter that it tried, one figure per family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports import statistics
from reports.figures.parts.limits import limits, logarithmic_ticks, near
from reports.figures.parts.style import (
    BLUE,
    DARK,
    GRID,
    PALE,
    VERMILLION,
    Drawing,
    canvas,
    finish,
    lines,
    text_size,
    width,
)
from reports.findings import Findings
from reports.metrics import Metric
from reports.results import Family
from reports.settings import Settings, Tuning
from reports.tuned import choices

KIND = "trials"
TITLE = "Trials of tuning"
ORDER = 6.5
FOLDED = True
SINGLY = True
COLUMNS = 3
HEIGHT, ABOVE, HEADING, TICKS = 1.05, 0.16, 0.18, 0.4  # inches: a panel, the title, over a panel's title, below a panel
CHARACTERS = 34
"""Of a line of a panel's title."""
TICKS_MOST = 6
FEWEST = 4
"""Numbers that must have been tried before there is anything to see."""
DECADE = 10.0
"""From this quotient of the largest value and the smallest on, an axis is logarithmic."""
CAPTION = (
    "Validation scores of all trials, as mean paired gain over the floor, with {level} % t-intervals over the seeds of "
    "tuning, by the hyperparameter that was tried; red, the chosen one, hollow, the default. Of a composition whose "
    "first parts were tuned alone it is the gain over these at their chosen values: what its last part adds by its "
    "weight. Trials that differ in nothing else are joined. The scores of the chosen are the best of several, and too "
    "good. Trials that failed, or whose value is no number, are left out; wide intervals end at the axes."
)
CUT = " Axes leave out trials far below the others."
OF_TUNED = " (tuned)"
"""What a title ends with of a method at its tuned values."""


@dataclass(frozen=True)
class Panel:
    """The trials of one method by one of its hyperparameters.

    Attributes:
        title: the method; on lines of their own, what the gains are over, if not the floor, and what stands nowhere.
        name: the hyperparameter.
        values, gains, low, high: [k] what was tried, in growing order, and mean gains with intervals as printed.
        trials: [k] their numbers; 0 is the default.
        joined: [k] whether a line joins a trial with its neighbours: all of them differ in this hyperparameter alone.
        chosen: number of a trial.
    """

    title: str
    name: str
    values: NDArray[np.float64]
    gains: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    trials: NDArray[np.int64]
    joined: NDArray[np.bool_]
    chosen: int


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per family of which trials are told."""
    drawings = []
    for family in findings.results.families:
        found = list(panels(findings, family))
        if found:
            drawings.append(_figure(found, findings, family, folder))
    return drawings


def panels(findings: Findings, family: Family) -> Iterator[Panel]:
    """What was tried for a family's methods, in display order."""
    settings, metric = findings.settings, findings.metric(family)
    own = choices(settings, family)
    titles = {tuning.method: _title(tuning, settings) for tuning in own.values()}
    for label in settings.method_order(own):
        for name in own[label].tried[0] if own[label].tried else ():
            panel = _panel(own[label], name, family.sized, metric, settings, titles)
            if panel is not None:
                yield panel


def _panel(
    tuning: Tuning, name: str, student: str, metric: Metric, settings: Settings, titles: Mapping[str, str]
) -> Panel | None:
    """None where too few numbers were tried, or the base has no score."""
    base = tuning.base_scores.get(student, ())
    if not base or None in base:
        return None
    rows = []
    for trial, (values, scores) in enumerate(zip(tuning.tried, tuning.scores.get(student, ()), strict=False)):
        value = values[name]
        if isinstance(value, bool | str | None) or len(scores) != len(base) or None in scores:
            continue
        gains = metric.sign * metric.scale * (np.array(scores, float) - np.array(base, float))
        low, high = statistics.mean_interval(gains, settings.alpha)
        rows.append((value, gains.mean(), low, high, trial))
    if len({row[0] for row in rows}) < FEWEST:
        return None
    values, gains, low, high, numbers = np.array(sorted(rows), float).T
    trials = numbers.astype(int)
    said = [titles[tuning.method]]
    if tuning.base != settings.floor:
        said.append(f"over {titles.get(tuning.base) or settings.method_title(tuning.base)} alone")
    if tuning.chosen not in trials and tuning.chosen < len(tuning.tried):
        said.append(f"chosen: {tuning.tried[tuning.chosen][name]}")
    title = "\n".join(line for each in said for line in wrap(each, CHARACTERS))
    # The default of a composition lacks what its other trials have of the first parts.
    joined = (trials > 0) | (tuning.base == settings.floor)
    others = [{key: value for key, value in tuning.tried[trial].items() if key != name} for trial in trials[joined]]
    joined &= all(other == others[0] for other in others)
    return Panel(title, name, values, gains, low, high, trials, joined, tuning.chosen)


def _title(tuning: Tuning, settings: Settings) -> str:
    """Of a method, which a run may have at its tuned values alone."""
    if tuning.method in settings.methods:
        return settings.method_title(tuning.method)
    return settings.method_title(tuning.tuned).removesuffix(OF_TUNED)


def _limits(panel: Panel, shown: np.ndarray) -> tuple[float, float]:
    """All means that are shown, and of their intervals no more than the means' own range beyond them."""
    means = np.append(panel.gains[shown], 0.0)
    ends = np.concatenate([panel.low[shown], panel.high[shown], means])
    reach = float(np.ptp(means)) or 1.0
    low, high = (
        float(np.clip(end, means.min() - reach, means.max() + reach)) for end in (np.nanmin(ends), np.nanmax(ends))
    )
    return limits([low, high])


def _figure(found: list[Panel], findings: Findings, family: Family, folder: Path) -> Drawing:
    settings, metric, title = findings.settings, findings.metric(family), findings.title(family)
    name = f"{KIND}-{family.slug}"
    rows, heading = -(-len(found) // COLUMNS), HEADING + lines(max(panel.title.count("\n") + 1 for panel in found))
    total = ABOVE + rows * (heading + HEIGHT + TICKS)
    with canvas(name):
        figure = Figure(figsize=(width(1.2), total))
        figure.text(0.0, 1 - 0.1 / total, title, weight="bold", va="center", size=text_size() + 1)
        cut = False
        for place, panel in enumerate(found):
            row, column = divmod(place, COLUMNS)
            bottom = total - ABOVE - row * (heading + HEIGHT + TICKS) - heading - HEIGHT
            axes = figure.add_axes((0.06 + column * 0.335, bottom / total, 0.27, HEIGHT / total))
            cut |= _draw(axes, panel)
            if column == 0:
                axes.set_ylabel(f"Gain, {metric.unit}")
        caption = CAPTION.format(level=settings.level) + CUT * cut
        alt = f"Validation gains of the trials of {len({panel.title for panel in found})} methods, {title}."
        return finish(figure, folder, name, title, caption, alt)


def _draw(axes: Axes, panel: Panel) -> bool:
    """Whether trials were left out that are far below the others."""
    chosen, default = panel.trials == panel.chosen, panel.trials == 0
    axes.axhline(0, color=DARK, linewidth=0.8, zorder=0)
    if panel.joined.any():
        axes.plot(panel.values[panel.joined], panel.gains[panel.joined], color=PALE, linewidth=1.0, zorder=1)
    finite = np.isfinite(panel.low)
    axes.vlines(panel.values[finite], panel.low[finite], panel.high[finite], color=PALE, linewidth=0.9, zorder=1)
    for group, marker, filled in ((~default, "o", True), (default, "D", False)):
        for picked, colour, order in ((group & chosen, VERMILLION, 4), (group & ~chosen, BLUE, 3)):
            face = colour if filled else "white"
            places = panel.values[picked], panel.gains[picked]
            axes.scatter(*places, s=16, marker=marker, color=face, edgecolors=colour, linewidths=1.0, zorder=order)
    least, most = float(panel.values[0]), float(panel.values[-1])
    if least > 0 and most >= DECADE * least:
        axes.set_xscale("log")
        axes.set_xlim(least / 1.5, most * 1.5)
        logarithmic_ticks(axes.xaxis, least, most, TICKS_MOST)
    axes.set_xlabel(panel.name, labelpad=1)
    axes.set_title(panel.title, size=text_size())
    axes.grid(axis="y", **GRID)
    shown = near(panel.gains, panel.gains.max())
    axes.set_ylim(*_limits(panel, shown))
    return not shown.all()
