"""Limits of an axis on which a few far values would push all others together, such as a control that must fail."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

FAR = 3.0
"""Times the distance that three quarters of the values keep."""
MARGIN = 0.05
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
