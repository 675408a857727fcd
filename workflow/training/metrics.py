"""The official metrics, fast enough to be taken every epoch; tests compare them with `ogb`'s Evaluator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from workflow.task import Metric

HIGHER_IS_BETTER: dict[Metric, bool] = {"accuracy": True, "rocauc": True, "ap": True, "rmse": False}


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows whose largest logit is that of their class."""
    return float((logits.argmax(1) == labels).sum()) / len(labels)


def _over_tasks(score: Callable[[np.ndarray, np.ndarray], float], logits: Tensor, labels: Tensor) -> float:
    """Mean over the tasks that have both classes among their measured rows, as OGB's Evaluator does; NaN if none."""
    outputs, targets = logits.double().cpu().numpy(), labels.cpu().numpy()
    scores = []
    for task in range(targets.shape[1]):
        measured = ~np.isnan(targets[:, task])
        truth = targets[measured, task] == 1
        if truth.any() and not truth.all():
            scores.append(score(truth, outputs[measured, task]))
    return float(np.mean(scores)) if scores else float("nan")


def _rocauc(truth: np.ndarray, output: np.ndarray) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic, ties counted one half."""
    _, inverse, counts = np.unique(output, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(truth.sum())
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (len(truth) - positives)))


def _average_precision(truth: np.ndarray, output: np.ndarray) -> float:
    """Sum of precision times the step in recall over the distinct thresholds."""
    order = np.argsort(-output, kind="stable")
    truth, output = truth[order], output[order]
    ends = np.append(np.flatnonzero(np.diff(output)), len(output) - 1)
    hits = np.cumsum(truth)[ends]
    precision, recall = hits / (ends + 1), hits / hits[-1]
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def rocauc(logits: Tensor, labels: Tensor) -> float:
    return _over_tasks(_rocauc, logits, labels)


def average_precision(logits: Tensor, labels: Tensor) -> float:
    return _over_tasks(_average_precision, logits, labels)


def rmse(outputs: Tensor, labels: Tensor) -> float:
    """Root mean squared error, averaged over tasks."""
    error = (outputs - labels).double()
    squares = torch.nanmean(error * error, dim=0)
    return float(squares.sqrt().mean())


METRICS: dict[Metric, Callable[[Tensor, Tensor], float]] = {
    "accuracy": accuracy,
    "rocauc": rocauc,
    "ap": average_precision,
    "rmse": rmse,
}


def better(metric: Metric, new: float, old: float | None) -> bool:
    """Whether a validation score beats the best one so far; a tie does not, nor does NaN."""
    if np.isnan(new):
        return False
    return old is None or (new > old if HIGHER_IS_BETTER[metric] else new < old)
