"""Metrics against scikit-learn and OGB's Evaluator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from workflow.training.metrics import METRICS, better


@pytest.mark.parametrize(("metric", "reference"), [("rocauc", roc_auc_score), ("ap", average_precision_score)])
def test_ranking_metrics_are_those_of_scikit_learn(metric, reference):
    random = np.random.default_rng(0)
    labels = (random.random((80, 5)) < 0.3).astype(float)
    labels[random.random((80, 5)) < 0.2] = np.nan
    labels[:, 4] = 0  # one class only: not counted
    outputs = np.round(random.normal(size=(80, 5)), 1)  # rounding makes ties
    measured = [~np.isnan(labels[:, t]) for t in range(4)]
    expected = np.mean([reference(labels[m, t], outputs[m, t]) for t, m in enumerate(measured)])
    assert METRICS[metric](torch.tensor(outputs), torch.tensor(labels)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "name", "key"), [("rocauc", "ogbg-molbbbp", "rocauc"), ("rmse", "ogbg-molesol", "rmse")]
)
def test_graph_metrics_are_those_of_ogb(metric, name, key):
    from ogb.graphproppred import Evaluator

    random = np.random.default_rng(1)
    labels = (random.random((50, 1)) < 0.4).astype(float)
    outputs = random.normal(size=(50, 1))
    expected = Evaluator(name).eval({"y_true": labels, "y_pred": outputs})[key]
    assert METRICS[metric](torch.tensor(outputs), torch.tensor(labels)) == pytest.approx(expected)


def test_accuracy_is_that_of_ogb():
    from ogb.nodeproppred import Evaluator

    torch.manual_seed(0)
    logits, labels = torch.randn(50, 4), torch.randint(4, (50,))
    expected = Evaluator("ogbn-arxiv").eval({"y_true": labels[:, None], "y_pred": logits.argmax(1)[:, None]})["acc"]
    assert METRICS["accuracy"](logits, labels) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "new", "old", "answer"),
    [
        ("accuracy", 0.5, None, True),
        ("accuracy", 0.5, 0.5, False),
        ("accuracy", 0.6, 0.5, True),
        ("rmse", 0.4, 0.5, True),
        ("rmse", 0.6, 0.5, False),
        ("rocauc", float("nan"), None, False),
    ],
)
def test_better(metric, new, old, answer):
    assert better(metric, new, old) is answer
