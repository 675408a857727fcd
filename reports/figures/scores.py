"""Score against compression ratio, one line per method, the teacher as a level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from reports import printing, statistics
from reports.attempts import Attempts, tested
from reports.figures.parts.limits import CUT, focus
from reports.figures.parts.style import (
    DARK,
    GREY,
    GRID,
    SOFT,
    Drawing,
    Look,
    band,
    canvas,
    finish,
    label_ends,
    lines,
    looks,
    text_size,
    width,
)
from reports.findings import Findings
from reports.metrics import Metric
from reports.results import Family, Results, architecture, slug
from reports.settings import Settings

KIND = "scores"
TITLE = "Score against compression"
ORDER = 1
CHARACTER = 0.62
"""Share of the text's size that a character takes, with a little room."""
Points = dict[str, list[tuple[float, float, float, float]]]
"""Label -> (ratio, mean, low, high) at each compression where all of its trainings gave a score; printed units."""


def groups(results: Results) -> dict[tuple[str, str, str], list[Family]]:
    """(dataset, teacher, architecture of the student) -> families in growing compression."""
    found: dict[tuple[str, str, str], list[Family]] = {}
    for family in results.families:
        found.setdefault((family.dataset, family.teacher, architecture(family.student)), []).append(family)
    return found


def points(findings: Findings, families: list[Family]) -> Points:
    """Mean scores with the interval of each mean."""
    settings, found = findings.settings, Points()
    for family in families:
        ratio, scale = findings.results.ratio(family), findings.metric(family).scale
        for label, own in findings.attempts[family].items():
            if label != settings.ceiling and own.complete:
                found.setdefault(label, []).append((ratio, *_interval(own, scale, settings)))
    return {label: found[label] for label in settings.method_order(found)}


def gains(findings: Findings, families: list[Family], base: str) -> Points:
    """Mean paired differences to `base` with their intervals, positive is better."""
    settings, found = findings.settings, Points()
    for family in families:
        ratio, metric, own = findings.results.ratio(family), findings.metric(family), findings.attempts[family]
        for label, other in own.items():
            if label == settings.ceiling or base not in own or not (other.complete and own[base].complete):
                continue
            test = tested(other, own[base], metric.sign, settings.alpha)
            if test.n:
                low, high = (test.low, test.high) if np.isfinite(test.low) else (test.difference, test.difference)
                mean, low, high = (float(metric.scale * value) for value in (test.difference, low, high))
                found.setdefault(label, []).append((ratio, mean, low, high))
    return {label: found[label] for label in settings.method_order(found)}


def best(series: Points, metric: Metric, settings: Settings) -> str | None:
    """The leader at the strongest compression, the floor and the reference aside."""
    others = {label: line for label, line in series.items() if label not in (settings.floor, settings.reference)}
    if not others:
        return None
    last = max(line[-1][0] for line in others.values())
    at_last = {label: line[-1][1] for label, line in others.items() if line[-1][0] == last}
    return max(at_last, key=lambda label: metric.sign * at_last[label])


def _interval(own: Attempts, scale: float, settings: Settings) -> tuple[float, float, float]:
    values = own.values() * scale
    low, high = statistics.mean_interval(values, settings.alpha)
    mean = float(np.mean(values))
    return (mean, low, high) if np.isfinite(low) else (mean, mean, mean)


def draw(findings: Findings, folder: Path) -> list[Drawing]:
    """One figure per dataset, teacher and student architecture that was run at two ratios or more."""
    drawings = []
    for (dataset, teacher, kind), families in groups(findings.results).items():
        series = points(findings, families)
        if series and len(families) > 1:
            title = f"{findings.settings.dataset_title(dataset)}: {teacher} → {kind} students"
            name = f"{KIND}-{slug(dataset)}-{slug(teacher)}-{slug(kind)}"
            drawings.append(_figure(findings, families, series, title, name, folder))
    return drawings


def _figure(findings: Findings, families: list[Family], series: Points, title: str, name: str, folder: Path) -> Drawing:
    """Scores with the teacher on the left; on the right the gains over the floor, where methods can be told apart."""
    settings, metric = findings.settings, findings.metric(families[0])
    base = settings.floor if settings.floor in series else settings.reference
    against = settings.method_title(base)
    differences = gains(findings, families, base)
    leader = best(series, metric, settings)
    styles = looks(series, leader, settings)
    ratios = [findings.results.ratio(family) for family in families]
    with canvas(name):
        height = max(3.4, lines(sum(look.strong for look in styles.values())) + 0.8)
        figure = Figure(figsize=(width(1.344), height))
        left = figure.add_axes((0.06, 0.55 / height, 0.32, 1 - 1.05 / height))
        right = figure.add_axes((0.46, 0.55 / height, 0.36, 1 - 1.05 / height))
        _lines(left, series, styles)
        teacher = _teacher(left, findings.attempts[families[0]].get(settings.ceiling), metric.scale, settings)
        _lines(right, differences, styles)
        right.axhline(0, color=DARK, linewidth=0.8, zorder=0)
        cut = _focus(left, series, styles, metric.sign, teacher) | _focus(right, differences, styles, 1, [0.0])
        left.set_title(metric.title)
        right.set_title(f"Gain over {against}, {metric.unit}")
        for axes in (left, right):
            _ratio_axis(axes, ratios, [family.student for family in families])
        ends = {label: (line[-1][0], line[-1][1]) for label, line in differences.items()}
        named = {label: settings.method_title(label) for label in differences if styles[label].strong}
        label_ends(right, {label: ends[label] for label in named}, styles, named)
        figure.text(0.0, 1 - 0.1 / height, title, weight="bold", va="center", size=text_size() + 1)
        others = sum(not look.strong for look in styles.values())
        caption = (
            "Left: mean test score at each ratio; dotted, the teacher. Right: the same as mean paired gain over "
            f"{against}. Coloured, with {settings.level} % t-intervals over seeds: the floor, the reference, the "
            f"spotlit methods, and the best at the strongest compression; the band spans the means of the {others} "
            "other methods. A point is left out where a run of that method failed or is missing."
        )
        caption += CUT * cut
        alt = f"Line charts of {metric.title}, and of its gain, against compression: {len(series)} methods, {title}."
        if leader:
            alt += f" At {printing.ratio(ratios[-1])} the highest is {settings.method_title(leader)}."
        return finish(figure, folder, name, title, caption, alt)


def _ratio_axis(axes: Axes, ratios: list[float], students: list[str]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(ratios) * 0.9, max(ratios) * 1.1)
    axes.xaxis.set_major_locator(FixedLocator(ratios))
    axes.xaxis.set_minor_locator(NullLocator())
    sizes = [printing.ratio(ratio) for ratio in ratios]
    named = [f"{size}\n{student}" for size, student in zip(sizes, students, strict=True)]
    axes.set_xticklabels(named if _fit(axes, ratios, students) else sizes)
    axes.set_xlabel("Compression (parameters of teacher / student)")
    axes.grid(axis="y", **GRID)


def _fit(axes: Axes, ratios: list[float], names: list[str]) -> bool:
    """Whether names under their ratios keep clear of each other."""
    low, high = np.log(axes.get_xlim())
    figure = axes.figure
    assert isinstance(figure, Figure)
    inches = axes.get_position().width * figure.get_figwidth()
    places = inches * (np.log(ratios) - low) / (high - low)
    halves = [len(name) * CHARACTER * text_size() / 72 / 2 for name in names]
    return all(b - a > x + y for a, b, x, y in zip(places, places[1:], halves, halves[1:], strict=False))


def _lines(axes: Axes, series: Points, styles: dict[str, Look]) -> None:
    strong = [label for label in series if styles[label].strong]
    band(axes, {label: [point[:2] for point in series[label]] for label in series if label not in strong})
    for label, line in series.items():
        look = styles[label]
        if not look.strong:
            continue
        x, mean, low, high = (np.array(column) for column in zip(*line, strict=True))
        # A small sideways step per method keeps intervals at one ratio from covering each other.
        x = x * 1.012 ** (strong.index(label) - (len(strong) - 1) / 2)
        axes.errorbar(
            x,
            mean,
            yerr=(mean - low, high - mean),
            color=look.colour,
            linestyle=look.line,
            linewidth=1.3,
            marker=look.marker,
            markersize=4.5,
            elinewidth=0.9,
            capsize=2,
            zorder=3,
        )


def _focus(axes: Axes, series: Points, styles: dict[str, Look], sign: int, shown: list[float]) -> bool:
    """Limits that show the coloured lines whole; whether other means lie beyond them."""
    drawn = [end for label, line in series.items() if styles[label].strong for point in line for end in point[2:]]
    return focus(axes, [point[1] for line in series.values() for point in line], sign, drawn + shown)


def _teacher(axes: Axes, own: Attempts | None, scale: float, settings: Settings) -> list[float]:
    """Draws the teacher's level, and returns it; nothing where it was not trained whole."""
    if own is None or not own.complete:
        return []
    mean, low, high = _interval(own, scale, settings)
    axes.axhspan(low, high, color="#eeeeee", zorder=0)
    axes.axhline(mean, color=GREY, linestyle=":", linewidth=1.2, zorder=0)
    axes.annotate(
        f"teacher {mean:.4g}",
        # Above it, where few students are; on the right, where compression has taken them away.
        xy=(0.99, mean),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=SOFT,
    )
    return [mean]
