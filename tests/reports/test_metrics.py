"""Every metric against a reference implementation, its direction, and how its numbers read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from reports.metrics import METRICS, metric
from tests.conftest import make_tiny_task
from workflow import catalog
from workflow.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("metric", "reference"), [("rocauc", roc_auc_score), ("ap", average_precision_score)])
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["array", "tensor"])
def test_ranking_metrics_are_those_of_scikit_learn(metric, reference, kind):
    random = np.random.default_rng(0)
    labels = (random.random((80, 5)) < 0.3).astype(float)
    labels[random.random((80, 5)) < 0.2] = np.nan
    labels[:, 4] = 0  # one class only: not counted
    outputs = np.round(random.normal(size=(80, 5)), 1)  # rounding makes ties
    measured = [~np.isnan(labels[:, t]) for t in range(4)]
    expected = np.mean([reference(labels[m, t], outputs[m, t]) for t, m in enumerate(measured)])
    assert METRICS[metric].function(kind(outputs), kind(labels)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "name", "key"), [("rocauc", "ogbg-molbbbp", "rocauc"), ("rmse", "ogbg-molesol", "rmse")]
)
def test_graph_metrics_are_those_of_ogb(metric, name, key):
    from ogb.graphproppred import Evaluator

    random = np.random.default_rng(1)
    labels = (random.random((50, 1)) < 0.4).astype(float)
    outputs = random.normal(size=(50, 1))
    expected = Evaluator(name).eval({"y_true": labels, "y_pred": outputs})[key]
    assert METRICS[metric].function(torch.tensor(outputs), torch.tensor(labels)) == pytest.approx(expected)


def test_accuracy_is_that_of_ogb():
    from ogb.nodeproppred import Evaluator

    torch.manual_seed(0)
    logits, labels = torch.randn(50, 4), torch.randint(4, (50,))
    expected = Evaluator("ogbn-arxiv").eval({"y_true": labels[:, None], "y_pred": logits.argmax(1)[:, None]})["acc"]
    assert METRICS["accuracy"].function(logits, labels) == pytest.approx(expected)


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
    assert METRICS[metric].better(new, old) is answer


@pytest.mark.parametrize("name", ["rocauc", "ap"])
def test_ranking_metrics_of_what_has_no_rank(name):
    outputs, labels = np.array([[0.1], [np.nan], [0.3]]), np.array([[0.0], [1.0], [1.0]])
    assert np.isnan(METRICS[name].function(outputs, labels)), "a diverged output"
    assert np.isnan(METRICS[name].function(outputs[[0, 2]], np.ones((2, 1)))), "one class only"


def test_rmse_by_hand_leaves_out_what_was_not_measured():
    outputs = np.array([[1.0, 0.0], [2.0, 7.0], [5.0, 1.0]], np.float32)
    labels = np.array([[1.0, 3.0], [4.0, np.nan], [np.nan, 1.0]], np.float32)
    expected = (np.sqrt((0 + 4) / 2) + np.sqrt((9 + 0) / 2)) / 2
    assert METRICS["rmse"].function(torch.tensor(outputs), torch.tensor(labels)) == pytest.approx(expected, abs=1e-12)
    labels[:, 1] = np.nan
    assert np.isnan(METRICS["rmse"].function(outputs, labels)), "a task without any label"
    outputs[0, 0] = np.nan
    assert np.isnan(METRICS["rmse"].function(outputs[:, :1], labels[:, :1])), "a diverged output is not left out"


def test_accuracy_of_arrays_is_that_of_tensors():
    outputs, labels = np.eye(3)[[0, 2, 1, 1]], np.array([0, 1, 1, 2])
    assert METRICS["accuracy"].function(outputs, labels) == 0.5
    assert METRICS["accuracy"].function(torch.tensor(outputs), torch.tensor(labels)) == 0.5


def test_numbers_are_printed_with_their_direction_and_unit():
    accuracy, rmse = metric("accuracy"), metric("rmse")
    assert (accuracy.sign, rmse.sign) == (1, -1)
    assert accuracy.spread(0.82309, 0.0045) == "82.31 ± 0.45"
    assert rmse.spread(0.82345, float("nan")) == "0.823"
    assert accuracy.interval(-0.001, 0.0012) == "[−0.10, +0.12]"
    assert accuracy.signed(-0.00001) == "0.00", "what rounds to zero has no sign"
    assert accuracy.score(float("nan")) == rmse.signed(float("nan")) == "—"


def test_every_dataset_names_a_metric_that_is_there():
    assert {catalog.facts(name).metric for name in catalog.available()} <= set(METRICS)
    with pytest.raises(ValueError, match="unknown metric 'f1'; allowed: "):
        metric("f1")
    with pytest.raises(UserError, match="unknown metric 'f1'; allowed: accuracy, ap"):
        replace(make_tiny_task(), metric="f1").finish()


def test_the_names_are_read_without_what_takes_long_to_import():
    code = (
        "import sys, reports.metrics; slow = {'torch', 'scipy', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules);"
        "sys.exit(str(slow) if slow else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
