"""The metrics: one entry each, which training, tuning and reports ask for what they need of it.

A new metric is a function and an entry in METRICS. Tests hold the functions against OGB's Evaluator and scikit-learn.
Imports neither torch nor anything else that takes long, since the planning of a run reads the names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports import printing
from reports.printing import ABSENT


@dataclass(frozen=True)
class Metric:
    """One metric: what it computes, which way is better, and how its numbers read.

    Attributes:
        name: as datasets and the rows of results spell it.
        title: name with its unit, for axes and headings.
        function: (outputs [n, c], labels [n] or [n, tasks]) -> score, of arrays or tensors on any device; NaN where
            there is nothing to score.
        higher_is_better: False for errors; every "difference" of a report is turned so that positive is better.
        scale: factor from the stored value to the printed one (100 for fractions printed as percent).
        decimals: decimals of a printed score.
        unit: word after a printed difference.
        limits: smallest and largest value as stored; rows with others are refused.
    """

    name: str
    title: str
    function: Callable[[Any, Any], float]
    higher_is_better: bool = True
    scale: float = 100.0
    decimals: int = 2
    unit: str = "points"
    limits: tuple[float, float] = (-math.inf, math.inf)

    @property
    def sign(self) -> int:
        """+1 or -1: the factor that makes larger mean better."""
        return 1 if self.higher_is_better else -1

    def better(self, new: float, old: float | None) -> bool:
        """Whether a score beats the best one so far; a tie does not, nor does NaN."""
        if math.isnan(new):
            return False
        return old is None or self.sign * new > self.sign * old

    def score(self, value: float) -> str:
        """A score as printed, or a dash where there is none."""
        return ABSENT if not math.isfinite(value) else f"{value * self.scale:.{self.decimals}f}"

    def spread(self, mean: float, std: float) -> str:
        """`82.31 ± 0.45`, or the mean alone where one seed leaves no standard deviation."""
        return printing.spread(self.scale * mean, self.scale * std, self.decimals)

    def signed(self, value: float) -> str:
        """A difference with its sign, `+0.12`; a value that rounds to zero carries none."""
        return printing.signed(value * self.scale, self.decimals)

    def interval(self, low: float, high: float) -> str:
        """`[+0.12, +0.34]`, or a dash where there is none."""
        return ABSENT if not math.isfinite(low) else f"[{self.signed(low)}, {self.signed(high)}]"


def accuracy(outputs: Any, labels: Any) -> float:
    """Share of rows whose largest output is that of their class. Nothing leaves the device but one number."""
    return float((outputs.argmax(1) == labels).sum()) / len(labels)


def rocauc(outputs: Any, labels: Any) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic, ties counted one half; mean over tasks as in OGB.

    NaN where an output is not finite: it has no rank, and the training has diverged.
    """
    from scipy.stats import rankdata

    values, measured, positive, tasks = _binary(outputs, labels)
    if not tasks.any() or not np.isfinite(values).all():
        return math.nan
    # Behind all others an unmeasured row changes no rank, so that all tasks are ranked at once.
    ranks = (rankdata(np.where(measured, values, np.inf), axis=0) * positive).sum(0)[tasks]
    hits = positive.sum(0)[tasks]
    misses = measured.sum(0)[tasks] - hits
    return float(np.mean((ranks - hits * (hits + 1) / 2) / (hits * misses)))


def average_precision(outputs: Any, labels: Any) -> float:
    """Sum of precision times the step in recall over the distinct thresholds; mean over tasks as in OGB.

    NaN where an output is not finite: it has no rank, and the training has diverged.
    """
    from sklearn.metrics import average_precision_score

    values, measured, positive, tasks = _binary(outputs, labels)
    if not tasks.any() or not np.isfinite(values).all():
        return math.nan
    each = [
        average_precision_score(positive[measured[:, task], task], values[measured[:, task], task])
        for task in np.flatnonzero(tasks)
    ]
    return float(np.mean(each))


def rmse(outputs: Any, labels: Any) -> float:
    """Root mean squared error over the measured labels; mean over tasks, NaN where one has none."""
    targets = _array(labels)
    error = np.where(np.isnan(targets), 0.0, (_array(outputs) - targets).astype(np.float64))
    with np.errstate(invalid="ignore"):  # 0 / 0 in a task without a measured label
        squares = (error * error).sum(0) / (~np.isnan(targets)).sum(0)
    return float(np.sqrt(squares).mean())


def _binary(outputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outputs [n, tasks], which labels are measured, which are positive, and which tasks [tasks] have both classes."""
    targets = _array(labels)
    measured, positive = ~np.isnan(targets), targets == 1
    hits = positive.sum(0)
    return _array(outputs), measured, positive, (hits > 0) & (hits < measured.sum(0))


def _array(values: Any) -> np.ndarray:
    """A tensor of any device, or whatever numpy reads, as an array."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values)


METRICS = {
    entry.name: entry
    for entry in (
        Metric("accuracy", "Accuracy, %", accuracy, limits=(0, 1)),
        Metric("rocauc", "ROC-AUC, %", rocauc, limits=(0, 1)),
        Metric("ap", "Average precision, %", average_precision, limits=(0, 1)),
        Metric("rmse", "RMSE, lower is better", rmse, False, scale=1.0, decimals=3, unit="RMSE", limits=(0, math.inf)),
    )
}


def metric(name: str) -> Metric:
    """The entry of a metric.

    Raises:
        ValueError: there is none; the direction must be known before anything is called better.
    """
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; allowed: {sorted(METRICS)}")
    return METRICS[name]
