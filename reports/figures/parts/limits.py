"""Limits and ticks of an axis; a few far values push no others together, such as those of a control that must fail."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from reports.printing import short

FAR = 3.0
"""Times the distance that three quarters of the values keep."""
MARGIN = 0.05
BEYOND = " The axes are those of the coloured lines; means of other methods beyond them stand in the tables."
CUT = " The axis leaves out means far below the others; the tables have them."


def near(values: ArrayLike, anchor: float) -> NDArray[np.bool_]:
    """[k] whether a value is above `anchor`, or no further below it than FAR times the third quartile of distances.

    What is far better than all else is never left out.
    """
    below = anchor - np.asarray(values, dtype=float)
    found: NDArray[np.bool_] = below <= FAR * np.quantile(np.abs(below), 0.75)
    return found


def limits(values: Iterable[float], margin: float = MARGIN) -> tuple[float, float]:
    """The least and the largest value with room beside them."""
    all_values = list(values)
    low, high = min(all_values), max(all_values)
    room = margin * ((high - low) or 1.0)
    return low - room, high + room


def focus(axes: Axes, means: Iterable[float], sign: int, shown: Iterable[float] = ()) -> bool:
    """Sets the y-axis to the means that are near the best one; whether any was left out. All of `shown` stay.

    Nothing changes where none is far.

    Args:
        sign: 1 where the largest mean is the best, else -1.
    """
    values = np.array([*means])
    kept = near(sign * values, (sign * values).max()) if len(values) else np.array([], bool)
    if kept.all():
        return False
    axes.set_ylim(*limits([*values[kept], *shown], 2 * MARGIN))
    return True


FEWEST, MOST = 2, 8
ASIDE = 1.4
"""By which factor a tick may lie beyond the values, which keeps it from the next panel."""


def logarithmic_ticks(axis: Axis, low: float, high: float, most: int = MOST) -> None:
    """Ticks at round numbers near the values, written out: of all powers of ten, or of as many more as make two."""
    low, high = low / ASIDE, high * ASIDE
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        ticks = [tick for decade in decades for step in steps if low <= (tick := step * decade) <= high]
        if len(ticks) >= FEWEST:
            break
    axis.set_major_locator(FixedLocator(ticks[:: -(-len(ticks) // most) or 1]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value < 1000 else short(value)))
    axis.set_minor_locator(NullLocator())
