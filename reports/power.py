"""What a number of seeds can tell apart: the smallest difference that a paired t-test finds, and the seeds it needs."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from reports.statistics import quantile

POWER = 0.8
"""Wanted chance to find a difference that is there."""
MOST_SEEDS = 10_000
QUANTILES = 4000
"""By which a chance is summed where the noncentral t distribution cannot be had."""


def power(effect: float, pairs: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided paired t-test of so many pairs finds a difference.

    By the noncentral t distribution (Cohen 1988, chapter 2).

    Args:
        effect: mean of the differences over their standard deviation.
    """
    if pairs < 2:
        return np.nan
    limit = quantile(1 - alpha / 2, pairs - 1)
    centre = abs(effect) * np.sqrt(pairs)
    # Not `stats.nct`, which takes a thousand times as long.
    chance = 1 - special.nctdtr(pairs - 1, centre, limit) + special.nctdtr(pairs - 1, centre, -limit)
    if np.isnan(chance):  # as scipy has it of effects far above 1
        spreads = _spreads(pairs - 1)
        chance = np.mean(special.ndtr(centre - limit * spreads) + special.ndtr(-centre - limit * spreads))
    return float(chance)


@cache
def _spreads(freedom: int) -> NDArray[np.float64]:
    """Sample standard deviations of standard normal differences, at evenly spaced quantiles."""
    quantiles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.asarray(np.sqrt(stats.chi2.ppf(quantiles, freedom) / freedom))


def minimum_detectable(spread: float, pairs: int, alpha: float = 0.05, wanted: float = POWER) -> float:
    """The smallest mean difference that is found with this chance, in the unit of `spread`; NaN below two pairs.

    NaN without any spread, too, from which nothing can be foretold.

    Args:
        spread: standard deviation of the paired differences.
    """
    if pairs < 2 or not np.isfinite(spread) or spread == 0:
        return np.nan
    return _effect(pairs, alpha, wanted) * spread


@cache
def _effect(pairs: int, alpha: float, wanted: float) -> float:
    """The smallest effect that so many pairs find with this chance."""
    high = 1.0
    while power(high, pairs, alpha) < wanted:
        high *= 2
    return float(optimize.brentq(lambda effect: power(effect, pairs, alpha) - wanted, 0.0, high))


def seeds_needed(difference: float, spread: float, alpha: float = 0.05, wanted: float = POWER) -> int | None:
    """The fewest pairs with which a difference is found with this chance; None above MOST_SEEDS, or for none at all."""
    if not np.isfinite(difference) or not np.isfinite(spread) or difference == 0:
        return None
    if spread == 0:
        return 2
    effect = difference / spread
    low, high = 1, 2
    while power(effect, high, alpha) < wanted:
        low, high = high, 2 * high
        if low >= MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, middle, alpha) >= wanted else (middle, high)
    return high if high <= MOST_SEEDS else None
