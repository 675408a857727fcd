"""Statistics that rest on flipping signs or drawing seeds anew instead of on a distribution. Plain arrays alone.

Scores are turned so that larger is better. Every function that draws takes a seed, and gives the same answer for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.statistics import MOST_EXACT, Scores, every_sign, rounded_differences

FLIPS = 20_000
"""Random signs beyond MOST_EXACT pairs."""
RESAMPLES = 2_000
POSTERIOR = 20_000
"""Draws from a posterior."""


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
    if len(method) < 2:
        return np.nan
    # Sums that are equal on paper must tie, or rounding would decide which is as far from 0 as the observed one.
    rounded = rounded_differences(method, reference)
    if not rounded.any():
        return 1.0
    if len(rounded) <= MOST_EXACT:
        return every_sign(rounded)
    found = stats.permutation_test(
        (rounded,),
        lambda values, axis: np.round(values.mean(axis), 12),
        permutation_type="samples",
        n_resamples=FLIPS - 1,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def interquartile_mean(values: Scores) -> Any:
    """The mean of the middle half of all values (Agarwal et al., NeurIPS 2021), by the last axis; NaN without any."""
    return stats.trim_mean(values, 0.25, axis=-1) if np.size(values) else np.nan


def performance_profile(tasks: Sequence[Scores], thresholds: Scores) -> Scores:
    """[k] mean over tasks of the share of a task's trainings above each threshold (Dolan and More 2002; Agarwal 2021).

    Args:
        tasks: the scores of one method on each task, made comparable across tasks.
        thresholds: [k].
    """
    return np.asarray(np.mean([above(task, thresholds).mean(0) for task in tasks], axis=0), float)


def above(task: Scores, thresholds: Scores) -> Scores:
    """[n, k] 1 where a score lies above a threshold, else 0."""
    return (np.asarray(task)[:, None] > thresholds[None, :]).astype(float)


def stratified_draws(sizes: Sequence[int], resamples: int = RESAMPLES, seed: int = 0) -> list[NDArray[np.int64]]:
    """Seeds drawn with replacement within each task: one [resamples, n] array of positions per task.

    Methods that are read at the same draws stay paired.
    """
    random = np.random.default_rng(seed)
    return [random.integers(0, size, (resamples, size)) for size in sizes]


def shares(draw: NDArray[np.int64]) -> Scores:
    """[resamples, n] how often each of n seeds was drawn, over n: a resample's mean is a product with these."""
    size = draw.shape[1]
    counted = np.zeros(draw.shape)
    np.add.at(counted, (np.arange(len(draw))[:, None], draw), 1.0)
    return np.asarray(counted / size)


def percentiles(resampled: Scores, alpha: float) -> tuple[Any, Any]:
    """Both ends of the percentile interval, along the first axis."""
    low, high = np.quantile(resampled, [alpha / 2, 1 - alpha / 2], axis=0)
    return low, high


def wins(method: Scores, reference: Scores) -> Scores:
    """[n, m] 1 where a training of the method scores higher than one of the reference, 1/2 where they tie."""
    x, y = np.asarray(method, float)[:, None], np.asarray(reference, float)[None, :]
    return np.asarray((x > y) + 0.5 * (x == y))


@cache
def _weights(size: int, prior: float, seed: int) -> Scores:
    return np.random.default_rng(seed).dirichlet([prior, *[1.0] * size], POSTERIOR)


def bayesian_signed_rank(
    differences: Scores, equivalence: float, prior: float = 0.5, seed: int = 0
) -> tuple[float, float, float]:
    """P(worse), P(equivalent) and P(better): the Bayesian signed-rank test with a region of practical equivalence.

    Benavoli et al., ICML 2014; Benavoli, Corani, Demsar and Zaffalon, JMLR 2017, section 4.2: the differences with a
    pseudo-observation of 0 get weights w from Dirichlet(prior, 1, ..., 1), and w_i w_j goes to "better" where
    z_i + z_j > 2 r, to "worse" where it is below -2 r (one half where it is equal), else to "equivalent". The answer
    is the share of draws in which each has most. Not `baycomp`, which loops over 50,000 draws in Python, loads pickle
    and is compared with in the tests. NaN below two differences.

    Args:
        differences: [n] of independent pairs, positive is better.
        equivalence: r, in their unit.
    """
    if len(differences) < 2:
        return np.nan, np.nan, np.nan
    z = np.concatenate([[0.0], np.asarray(differences, float)])
    scale = max(float(np.abs(z).max()), equivalence) or 1.0
    # Rounded, or a sum that equals the border on paper would fall on either side of it.
    sums, border = np.round((z[:, None] + z[None, :]) / scale, 12), np.round(2 * equivalence / scale, 12)
    weights = _weights(len(differences), prior, seed)

    def mass(total: Scores) -> Scores:
        return np.asarray(((weights @ ((total > border) + 0.5 * (total == border))) * weights).sum(1))

    worse, better = mass(-sums), mass(sums)
    masses = np.stack([worse, 1 - worse - better, better])
    most = np.isclose(masses, masses.max(0), rtol=0, atol=1e-12)  # draws in which two have most count for both
    left, middle, right = (most / most.sum(0)).mean(1)
    return float(left), float(middle), float(right)
