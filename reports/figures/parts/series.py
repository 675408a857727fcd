"""Scores of methods and their gains over the floor along something that several students differ in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from reports import statistics
from reports.attempts import Attempts, tested
from reports.findings import Findings
from reports.metrics import Metric
from reports.results import Family
from reports.settings import Settings

Points = dict[str, list[tuple[float, float, float, float]]]
"""Label -> (place, mean, low, high) wherever all of its trainings gave a score; printed units."""


def points(findings: Findings, places: Mapping[Family, float]) -> Points:
    """Mean scores with the interval of each mean, at each family's place."""
    settings, found = findings.settings, Points()
    for family, place in places.items():
        scale = findings.metric(family).scale
        for label, own in findings.attempts[family].items():
            if label != settings.ceiling and own.complete:
                found.setdefault(label, []).append((place, *interval(own, scale, settings)))
    return {label: found[label] for label in settings.method_order(found)}


def gains(findings: Findings, places: Mapping[Family, float], base: str) -> Points:
    """Mean paired differences to `base` with their intervals, positive is better."""
    settings, found = findings.settings, Points()
    for family, place in places.items():
        metric, own = findings.metric(family), findings.attempts[family]
        for label, other in own.items():
            if label == settings.ceiling or base not in own or not (other.complete and own[base].complete):
                continue
            test = tested(other, own[base], metric.sign, settings.alpha)
            if test.n:
                low, high = (test.low, test.high) if np.isfinite(test.low) else (test.difference, test.difference)
                mean, low, high = (float(metric.scale * value) for value in (test.difference, low, high))
                found.setdefault(label, []).append((place, mean, low, high))
    return {label: found[label] for label in settings.method_order(found)}


def of_ceiling(findings: Findings, places: Mapping[Family, float]) -> list[tuple[float, float, float, float]]:
    """(place, mean, low, high) of the teacher, wherever all of its trainings gave a score."""
    settings, found = findings.settings, []
    for family, place in places.items():
        own = findings.attempts[family].get(settings.ceiling)
        if own is not None and own.complete:
            found.append((place, *interval(own, findings.metric(family).scale, settings)))
    return found


def base_of(series: Points, settings: Settings) -> str:
    """What gains are gains over: the floor, or the reference where there is none."""
    return settings.floor if settings.floor in series else settings.reference


def best(
    series: Points, metric: Metric, settings: Settings, end: Callable[[Iterable[float]], float] = max
) -> str | None:
    """The leader at the last place that any has (by `min`: at the first), the floor and the reference aside."""
    others = {label: line for label, line in series.items() if label not in (settings.floor, settings.reference)}
    if not others:
        return None
    decides = end(place for line in others.values() for place, *_ in line)
    there = {label: mean for label, line in others.items() for place, mean, *_ in line if place == decides}
    return max(there, key=lambda label: metric.sign * there[label])


def interval(own: Attempts, scale: float, settings: Settings) -> tuple[float, float, float]:
    """The mean of scores and its t-interval; (mean, mean, mean) where one seed gives none."""
    values = own.values() * scale
    low, high = statistics.mean_interval(values, settings.alpha)
    mean = float(np.mean(values))
    return (mean, low, high) if np.isfinite(low) else (mean, mean, mean)
