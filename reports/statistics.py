"""The tests behind every verdict, as functions of plain arrays. No data frames, no names of methods.

Throughout, arrays hold one score per seed, larger is better (callers turn errors round), and paired arrays have the
same seed at the same place.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Scores = NDArray[np.float64]

RELATIVE_ZERO = 1e-12
"""Differences whose spread is below this share of the scores' size are rounding, not variance."""

DIGITS = 12
"""... as they are rounded where ties count."""

MOST_EXACT = 13
"""Pairs up to which Wilcoxon's test is exact whatever the ties, as in scipy; beyond it is asymptotic with ties."""


@dataclass(frozen=True)
class Paired:
    """Paired comparison of a method with a reference.

    Attributes:
        n: number of pairs.
        difference: mean of method - reference.
        low, high: t-interval of that mean.
        t: Student's statistic with n - 1 degrees of freedom.
        p: its two-sided p-value.
    """

    n: int
    difference: float
    low: float
    high: float
    t: float
    p: float


def mean_and_std(values: Scores) -> tuple[float, float]:
    """Mean and sample standard deviation (ddof 1); NaN where there are too few values for either."""
    mean = float(np.mean(values)) if len(values) else np.nan
    return mean, float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def mean_interval(values: Scores, alpha: float = 0.05) -> tuple[float, float]:
    """t-interval of a mean with coverage 1 - alpha; NaN below two values."""
    mean, std = mean_and_std(values)
    if len(values) < 2:
        return np.nan, np.nan
    half = quantile(1 - alpha / 2, len(values) - 1) * std / np.sqrt(len(values))
    return mean - half, mean + half


@cache
def quantile(share: float, freedom: int) -> float:
    """The value below which Student's t with so many degrees of freedom stays with this probability.

    By the function that `scipy.stats.t` calls, without the checks around it, which take a hundred times as long.
    """
    return float(special.stdtrit(freedom, share))


def paired_t(method: Scores, reference: Scores, alpha: float = 0.05) -> Paired:
    """Paired t-test with its interval, to the bit as `scipy.stats.ttest_rel` makes them in ten times the time.

    Degenerate cases, decided here and nowhere else: below two pairs there is no test (p and interval NaN). If every
    difference is zero, p = 1 (the data show no difference whatever). If all differences are the same non-zero value,
    the statistic is infinite and p = 0, the limit of the test; the interval has no width.

    Raises:
        ValueError: the arrays differ in length.
    """
    if len(method) != len(reference):
        raise ValueError(f"paired arrays differ in length: {len(method)} and {len(reference)}")
    differences = np.asarray(method, float) - np.asarray(reference, float)
    n = len(differences)
    if n < 2:
        return Paired(n, float(differences.mean()) if n else np.nan, np.nan, np.nan, np.nan, np.nan)
    scale = max(float(np.abs(method).max()), float(np.abs(reference).max()))
    mean = float(differences.mean())
    if np.ptp(differences) <= RELATIVE_ZERO * scale:
        if abs(mean) <= RELATIVE_ZERO * scale:
            return Paired(n, 0.0, 0.0, 0.0, 0.0, 1.0)
        return Paired(n, mean, mean, mean, float(np.copysign(np.inf, mean)), 0.0)
    error = float(np.sqrt(np.mean((differences - mean) ** 2) * (n / (n - 1)) / n))
    tail = (1 - (1 - alpha)) / 2
    low, high = (quantile(share, n - 1) * error + mean for share in (tail, 1 - tail))
    return Paired(n, mean, low, high, mean / error, float(2 * special.stdtr(n - 1, -abs(mean / error))))


def paired_t_p(method: Scores, reference: Scores) -> float:
    """The p-value of `paired_t` alone."""
    return paired_t(method, reference).p


def rounded_differences(method: Scores, reference: Scores) -> Scores:
    """Paired differences over the size of the scores, to 12 digits.

    Differences that are equal on paper must tie, or rounding in the 17th digit would order them.
    """
    differences = np.asarray(method, float) - np.asarray(reference, float)
    scale = max(float(np.abs(method).max(initial=0)), float(np.abs(reference).max(initial=0)))
    return np.asarray(np.round(differences / scale, DIGITS) if scale > 0 else differences)


@cache
def _signs(size: int) -> Scores:
    """[2^n, n] every choice of signs."""
    return np.asarray(1.0 - 2.0 * ((np.arange(2**size)[:, None] >> np.arange(size)) & 1))


def every_sign(values: Scores) -> float:
    """Share of all 2^n choices of their signs whose sum lies as far from 0 as the one observed: a two-sided p-value.

    As `scipy.stats.permutation_test` has it, which takes a hundred times as long; a report asks some thousand times.
    """
    sums = np.round(np.abs(_signs(len(values)) @ values), DIGITS)
    return float((sums >= np.round(abs(values.sum()), DIGITS)).mean())


def wilcoxon(method: Scores, reference: Scores) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test, zero differences ranked and then dropped (Pratt 1959).

    NaN below two pairs; 1 where every difference is zero. It cannot fall below 2 / 2^n, .0625 at five seeds.
    """
    if len(method) < 2:
        return np.nan
    rounded = rounded_differences(method, reference)
    if not rounded.any():
        return 1.0
    if len(rounded) <= MOST_EXACT:
        # As scipy's wilcoxon does where there are ties, but a hundred times faster.
        return every_sign(np.sign(rounded) * stats.rankdata(np.abs(rounded)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's remark that ties make it use the normal approximation
        return float(stats.wilcoxon(rounded, zero_method="pratt").pvalue)


def holm(p_values: Sequence[float]) -> Scores:
    """Holm's step-down adjusted p-values, at the places of the raw ones.

    A NaN marks a test of the family that could not be made (its trainings failed). It stays NaN, but it counts as a
    member: a failure must not make the other methods more significant.
    """
    raw = np.asarray(p_values, float)
    counted = np.where(np.isnan(raw), 1.0, raw)
    order = np.argsort(counted, kind="stable")
    # By hand: statsmodels takes 50 ms for a dozen values, and the table of sensitivity asks a thousand times.
    steps = np.maximum.accumulate(counted[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty(len(raw))
    adjusted[order] = np.minimum(steps, 1.0)
    return np.where(np.isnan(raw), np.nan, adjusted)


def welch(method: Scores, reference: Scores, alpha: float = 0.05) -> Paired:
    """Welch's test of two samples that are not paired, with the interval of the difference of their means.

    Welch 1947; `n` is the smaller of both sizes. Degenerate cases as in `paired_t`.
    """
    method, reference = np.asarray(method, float), np.asarray(reference, float)
    n = min(len(method), len(reference))
    mean = float(method.mean() - reference.mean()) if n else np.nan
    if n < 2:
        return Paired(n, mean, np.nan, np.nan, np.nan, np.nan)
    zero = RELATIVE_ZERO * max(float(np.abs(method).max()), float(np.abs(reference).max()))
    if np.ptp(method) <= zero and np.ptp(reference) <= zero:
        if abs(mean) <= zero:
            return Paired(n, 0.0, 0.0, 0.0, 0.0, 1.0)
        return Paired(n, mean, mean, mean, float(np.copysign(np.inf, mean)), 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's remark on one sample that is constant
        result = stats.ttest_ind(method, reference, equal_var=False)
    interval = result.confidence_interval(1 - alpha)
    return Paired(n, mean, float(interval.low), float(interval.high), float(result.statistic), float(result.pvalue))


def probability_of_improvement(method: Scores, reference: Scores) -> float:
    """P(a training of the method scores higher than a training of the reference).

    Agarwal et al. 2021 (Deep RL at the edge of the statistical precipice), for one task: the mean over all
    N x K pairs of trainings of 1 if x > y, 1/2 if x = y, 0 otherwise, the Mann-Whitney U / (N K). They are not paired
    here: it answers which of two FRESH trainings would win, which the paired test does not. NaN without any.
    """
    if not len(method) or not len(reference):
        return np.nan
    x, y = np.asarray(method, float)[:, None], np.asarray(reference, float)[None, :]
    return float(((x > y) + 0.5 * (x == y)).mean())


class Share(NamedTuple):
    """A share with both ends of its interval; all NaN where it means nothing."""

    value: float
    low: float
    high: float


UNKNOWN = Share(np.nan, np.nan, np.nan)


def gap_closed(method: Scores, floor: Scores, ceiling: Scores, alpha: float = 0.05) -> Share:
    """Share of the way from the plain student to the teacher: (method - floor) / (ceiling - floor), of means.

    Its interval is Fieller's (1954) for a ratio of paired means: every share r at which a t-test of
    (method - floor) - r (ceiling - floor) finds nothing.

    Guard: unknown unless the ceiling beats the floor by more than noise, that is unless the lower end of the paired
    t-interval of ceiling - floor lies above zero. With a denominator that could be zero the share means nothing, and
    the interval would have no ends. All three arrays hold the same seeds.
    """
    gap = paired_t(ceiling, floor, alpha)
    if not gap.low > 0:
        return UNKNOWN
    won, whole = np.asarray(method, float) - floor, np.asarray(ceiling, float) - floor
    x, y, n = float(won.mean()), float(whole.mean()), len(won)
    (xx, xy), (_, yy) = np.cov(won, whole) * quantile(1 - alpha / 2, n - 1) ** 2 / n
    square, middle, rest = y * y - yy, x * y - xy, x * x - xx
    half = np.sqrt(max(middle * middle - square * rest, 0.0))
    return Share(x / y, float((middle - half) / square), float((middle + half) / square))
