"""Axes on which a few far values would push all others together."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from reports.figures.parts.limits import focus, limits, near

MEANS = [82.6, 81.1, 78.5, 78.4, 77.1, 76.6, 76.0, 13.5]


def test_what_is_far_below_is_told_from_the_rest():
    assert near(MEANS, 82.6).tolist() == [True] * 7 + [False]
    assert near(np.subtract(MEANS, 82.6), 0.0).tolist() == [True] * 7 + [False]


def test_what_is_far_above_is_kept():
    values = [40.0, *np.linspace(-1, 1, 9), -20.0]
    assert near(values, 0.0).tolist() == [True] * 10 + [False]


def test_equal_values_are_near():
    assert near([0.0, 0.0, 0.0], 0.0).all() and near([-70.0, -1.0], 0.0).all()


def test_limits_leave_room():
    assert limits([0.0, 10.0], 0.1) == (-1.0, 11.0)
    assert limits([2.0], 0.1) == (1.9, 2.1)


def test_an_axis_shows_what_must_be_seen_and_stays_where_nothing_is_far():
    axes = Figure().subplots()
    axes.plot(range(8), MEANS)
    before = axes.get_ylim()
    assert not focus(axes, MEANS[:7], 1) and axes.get_ylim() == before
    assert not focus(axes, [], 1)
    assert focus(axes, MEANS, 1, [83.5])
    low, high = axes.get_ylim()
    assert 70 < low < 76 and 83.5 < high < 86


def test_where_less_is_better_the_largest_are_far():
    axes = Figure().subplots()
    assert focus(axes, [0.5, 0.55, 0.6, 0.62, 9.0], -1)
    assert axes.get_ylim()[1] < 1
