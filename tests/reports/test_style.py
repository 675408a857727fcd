"""Colours of methods, and ticks."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.figures import differences
from reports.figures.parts.limits import logarithmic_ticks
from reports.figures.parts.style import looks
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE, OTHER


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


def test_a_far_mean_on_an_axis_that_an_interval_has_made_long_is_drawn_at_its_place(tmp_path):
    """Where all others are near, and one of them has an interval down to -30, -25 is on the axis."""
    wide = np.array([-0.3, 0.1, -0.3, 0.1, -0.3, 0.1, -0.3, 0.1, -0.3, 0.1])
    parts = [samples.cell(BASE + 0.1), samples.cell(BASE + wide - 0.02, method="at")]
    parts += [samples.cell(BASE + 0.1 - 0.01 * place + OTHER, method=f"m{place}") for place in range(1, 7)]
    for label, shift, told in (("gcrd", 0.25, 0), ("lsp", 0.7, 1)):
        found = samples.findings(*parts, samples.cell(BASE + 0.1 - shift + OTHER, method=label))
        (drawing,) = differences.draw(found, tmp_path)
        assert drawing.caption.count("Arrowheads at the edge") == told, label
