"""Colours of methods, and ticks."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from reports.figures.parts.limits import logarithmic_ticks
from reports.figures.parts.style import looks
from reports.settings import Settings
from tests.reports import samples


def test_the_best_of_the_rest_has_a_colour_of_its_own():
    labels = ["supervised", "kd", *(f"m{number}" for number in range(12))]
    settings = Settings.parse(samples.settings(labels, spotlight=["m0", "m1", "m2"]))
    for best in labels[2:]:
        found = looks(labels, best, settings)
        strong = [label for label in labels if found[label].strong]
        assert len({found[label].colour for label in strong}) == len(strong) == len({*strong, best})


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (16.0, 500.0, [30, 100, 300]),
        (2900.0, 640_000.0, [10_000, 100_000]),
        (1.0, 1.1, [1, 1.5]),
        (1e-9, 1e9, [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9]),
    ],
)
def test_logarithmic_ticks_are_few_and_not_one(low: float, high: float, ticks: list[float]):
    axes = Figure().subplots()
    axes.set_xscale("log")
    logarithmic_ticks(axes.xaxis, low, high)
    assert axes.get_xticks() == pytest.approx(ticks)
