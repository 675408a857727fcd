"""Statistics that rest on flipping signs or drawing seeds anew instead of on a distribution. Plain arrays alone.

Scores are turned so that larger is better. Every function that draws takes a seed, and gives the same answer for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.statistics import MOST_EXACT, RELATIVE_ZERO, Scores

FLIPS = 20_000
"""Random signs beyond MOST_EXACT pairs."""
RESAMPLES = 2_000


def sign_flip(method: Scores, reference: Scores, seed: int = 0) -> float:
    """Two-sided p-value of the paired permutation test: which share of all 2^n signs gives a mean as far from 0.

    Fisher, The Design of Experiments (1935), section 21. It assumes only that a difference is as likely as its
    negative. Exact up to MOST_EXACT pairs, beyond that from FLIPS random signs (the observed ones among them). NaN
    below two pairs; 1 where every difference is zero.

    Raises:
        ValueError: the arrays differ in length.
    """
    if len(method) != len(reference):
        raise ValueError(f"paired arrays differ in length: {len(method)} and {len(reference)}")
    differences = np.asarray(method, float) - np.asarray(reference, float)
    if len(differences) < 2:
        return np.nan
    scale = max(float(np.abs(method).max()), float(np.abs(reference).max()))
    # Sums that are equal on paper must tie, or rounding would decide which is as far from 0 as the observed one.
    rounded = np.round(differences / scale, 12) if scale > 0 else differences
    if not rounded.any() or np.abs(differences).max() <= RELATIVE_ZERO * scale:
        return 1.0
    exact = len(rounded) <= MOST_EXACT
    found = stats.permutation_test(
        (rounded,),
        lambda values, axis: np.round(values.mean(axis), 12),
        permutation_type="samples",
        n_resamples=np.inf if exact else FLIPS - 1,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def interquartile_mean(values: Scores) -> float:
    """The mean of the middle half of all values (Agarwal et al., NeurIPS 2021); NaN without any."""
    return float(stats.trim_mean(np.ravel(values), 0.25)) if np.size(values) else np.nan


def performance_profile(tasks: Sequence[Scores], thresholds: Scores) -> Scores:
    """[k] mean over tasks of the share of a task's trainings above each threshold (Dolan and More 2002; Agarwal 2021).

    Args:
        tasks: the scores of one method on each task, made comparable across tasks.
        thresholds: [k].
    """
    shares = [(np.asarray(task)[:, None] > thresholds[None, :]).mean(0) for task in tasks]
    return np.asarray(np.mean(shares, axis=0), float)


def stratified_draws(sizes: Sequence[int], resamples: int = RESAMPLES, seed: int = 0) -> list[NDArray[np.int64]]:
    """Seeds drawn with replacement within each task: one [resamples, n] array of positions per task.

    Methods that are read at the same draws stay paired.
    """
    random = np.random.default_rng(seed)
    return [random.integers(0, size, (resamples, size)) for size in sizes]


def stratified_interval(
    statistic: Callable[[list[Scores]], float],
    tasks: Sequence[Scores],
    draws: Sequence[NDArray[np.int64]],
    alpha: float = 0.05,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic of all tasks, seeds drawn within each task.

    Args:
        draws: of `stratified_draws`; the same for every method that is compared.
    """
    resamples = len(draws[0])
    arrays = [np.asarray(task, float) for task in tasks]
    found = [statistic([task[draw[i]] for task, draw in zip(arrays, draws, strict=True)]) for i in range(resamples)]
    low, high = np.quantile(found, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
