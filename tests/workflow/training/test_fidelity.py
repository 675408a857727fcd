"""What a training hands on beside its score, against slow and obvious references."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from scipy.stats import entropy
from sklearn.metrics import log_loss

from methods.contract import Signals
from methods.vocabulary import Objective
from tests.workflow.training.trainings import ALL, KINDS
from workflow.models.model import create
from workflow.specs import TrainingSettings
from workflow.training import fidelity
from workflow.training.feeds import choose
from workflow.variants import INDUCTIVE

MULTI, BINARY, REGRESSION = Objective.MULTICLASS, Objective.BINARY, Objective.REGRESSION
RANDOM = np.random.default_rng(3)


def tensor(values) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values))


def classes(n: int = 200, c: int = 5, scale: float = 2.0):
    """Logits of a student and a teacher, and labels, of which class 1 never occurs."""
    labels = RANDOM.choice([0, *range(2, c)], n)
    return scale * RANDOM.standard_normal((n, c)), scale * RANDOM.standard_normal((n, c)), labels


def entries(n: int = 60, tasks: int = 4):
    """The same of binary tasks, some entries unmeasured."""
    labels = RANDOM.integers(0, 2, (n, tasks)).astype(np.float32)
    labels[RANDOM.random((n, tasks)) < 0.4] = np.nan
    return RANDOM.standard_normal((n, tasks)), RANDOM.standard_normal((n, tasks)), labels


def slow_ece(confidence, right) -> float:
    total = 0.0
    for m in range(15):
        inside = [i for i, p in enumerate(confidence) if m / 15 < p <= (m + 1) / 15]
        if inside:
            total += len(inside) * abs(np.mean([right[i] for i in inside]) - np.mean([confidence[i] for i in inside]))
    return total / len(confidence)


def slow_cka(x, y) -> float:
    """By the n x n kernels and the centring matrix, as HSIC is defined."""
    centre = np.eye(len(x)) - 1 / len(x)
    k, m = centre @ (x @ x.T) @ centre, centre @ (y @ y.T) @ centre
    return float(np.trace(k @ m) / math.sqrt(np.trace(k @ k) * np.trace(m @ m)))


def test_multiclass_against_loops():
    student, teacher, labels = classes()
    s, t, y = map(tensor, (student, teacher, labels))
    same = [np.argmax(a) == np.argmax(b) for a, b in zip(student, teacher, strict=True)]
    assert fidelity.agreement(s, t, y, MULTI) == pytest.approx(np.mean(same))
    p, q = softmax(teacher, axis=1), softmax(student, axis=1)
    assert fidelity.divergence(s, t, y, MULTI) == pytest.approx(
        np.mean([entropy(*rows) for rows in zip(p, q, strict=True)])
    )
    assert fidelity.nll(s, y, MULTI) == pytest.approx(log_loss(labels, q, labels=range(5)))
    right = [row.argmax() == label for row, label in zip(q, labels, strict=True)]
    assert fidelity.calibration_error(s, y, MULTI) == pytest.approx(slow_ece(q.max(1), right))
    each = [np.mean([r for r, label in zip(right, labels, strict=True) if label == c]) for c in set(labels)]
    assert fidelity.worst_class(s, y, MULTI) == pytest.approx(min(each))


def test_binary_tasks_count_measured_entries_alone():
    student, teacher, labels = entries()
    s, t, y = map(tensor, (student, teacher, labels))
    places = [(i, j) for i in range(60) for j in range(4) if not math.isnan(labels[i, j])]
    assert fidelity.agreement(s, t, y, BINARY) == pytest.approx(
        np.mean([(student[at] > 0) == (teacher[at] > 0) for at in places])
    )
    pairs = [(expit(teacher[at]), expit(student[at])) for at in places]
    assert fidelity.divergence(s, t, y, BINARY) == pytest.approx(
        np.mean([entropy([p, 1 - p], [q, 1 - q]) for p, q in pairs])
    )
    measured, outputs = [labels[at] for at in places], [expit(student[at]) for at in places]
    assert fidelity.nll(s, y, BINARY) == pytest.approx(log_loss(measured, outputs))
    confidence = [max(q, 1 - q) for q in outputs]
    right = [(q > 0.5) == (label == 1) for q, label in zip(outputs, measured, strict=True)]
    assert fidelity.calibration_error(s, y, BINARY) == pytest.approx(slow_ece(confidence, right))
    assert fidelity.worst_class(s, y, BINARY) is None


@pytest.mark.parametrize("d, e", [(3, 3), (5, 2), (1, 7)])
def test_cka_against_kernels(d, e, monkeypatch):
    monkeypatch.setattr(fidelity, "ROWS", 7)  # several blocks, the last one not full
    x = RANDOM.standard_normal((40, d))
    y = np.tanh(x @ RANDOM.standard_normal((d, e)) + 3)
    rows = np.sort(RANDOM.choice(40, 30, replace=False))
    assert fidelity.cka(tensor(x), tensor(y), tensor(rows)) == pytest.approx(slow_cka(x[rows], y[rows]))


def test_cka_is_one_of_a_rotation_and_none_of_a_constant():
    x = RANDOM.standard_normal((50, 4))
    turn, _ = np.linalg.qr(RANDOM.standard_normal((4, 4)))
    every = torch.arange(50)
    assert fidelity.cka(tensor(x), tensor(3 * x @ turn + 5), every) == pytest.approx(1)
    assert fidelity.cka(tensor(x), torch.full((50, 2), 0.1), every) is None
    assert fidelity.cka(tensor(x), torch.zeros(50, 2), every) is None
    assert fidelity.cka(tensor(np.where(np.arange(50)[:, None] == 7, np.nan, x)), tensor(x), every) is None


def test_the_order_of_rows_changes_nothing():
    order = RANDOM.permutation(200)
    s, t, y = map(tensor, classes())
    before = fidelity.agreement(s, t, y, MULTI), fidelity.divergence(s, t, y, MULTI)
    assert before == pytest.approx(
        (fidelity.agreement(s[order], t[order], y[order], MULTI), fidelity.divergence(s[order], t[order], y, MULTI))
    )
    for function in (fidelity.nll, fidelity.calibration_error, fidelity.worst_class):
        assert function(s, y, MULTI) == pytest.approx(function(s[order], y[order], MULTI))
    assert fidelity.cka(s, t, torch.arange(200)) == pytest.approx(fidelity.cka(s, t, tensor(order)))


def test_of_tied_logits_the_first_class_counts():
    s, t = torch.zeros(4, 3).double(), torch.tensor([[0, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]]).double()
    labels = torch.tensor([0, 0, 1, 1])
    assert fidelity.agreement(s, t, labels, MULTI) == 0.5
    assert fidelity.worst_class(s, labels, MULTI) == 0
    assert fidelity.agreement(s[:, :1], t[:, 2:], torch.ones(4, 1), BINARY) == 0.5, "0 lies on the negative side"


def test_a_student_that_is_its_teacher():
    s, _, y = map(tensor, classes())
    assert (fidelity.agreement(s, s, y, MULTI), fidelity.divergence(s, s, y, MULTI)) == (1, 0)
    assert fidelity.divergence(s + 7, s, y, MULTI) == pytest.approx(0, abs=1e-12), "a softmax forgets a constant"


def test_perfect_calibration():
    """Of ten rows with a confidence of .7 seven are right; and a sure answer that is always right, or always wrong."""
    z = torch.tensor([[0.7, 0.3]], dtype=torch.float64).log().expand(10, 2)
    labels = torch.tensor([0] * 7 + [1] * 3)
    assert fidelity.calibration_error(z, labels, MULTI) == pytest.approx(0, abs=1e-12)
    assert fidelity.calibration_error(1e4 * z, torch.zeros(10).long(), MULTI) == pytest.approx(0)
    assert fidelity.calibration_error(1e4 * z, torch.ones(10).long(), MULTI) == pytest.approx(1)


def test_one_class():
    """A test part of one class, and a network with one output: nothing can be wrong there."""
    s, _, _ = map(tensor, classes(n=10))
    right = int((s.argmax(1) == 2).sum())
    assert fidelity.worst_class(s, torch.full((10,), 2), MULTI) == pytest.approx(right / 10)
    one, labels = torch.zeros(10, 1).double(), torch.zeros(10).long()
    assert [f(one, labels, MULTI) for f in (fidelity.nll, fidelity.calibration_error, fidelity.worst_class)] == [
        0,
        0,
        1,
    ]


@pytest.mark.parametrize("strange", [math.nan, math.inf])
@pytest.mark.parametrize("objective", [MULTI, BINARY])
def test_an_answer_that_is_not_finite_gives_no_number(strange, objective):
    s, t, y = map(tensor, classes() if objective == MULTI else entries())
    broken = s.clone()
    broken[0, 0] = strange
    y[0] = 0
    for function in (fidelity.agreement, fidelity.divergence):
        assert function(broken, t, y, objective) is None
        assert function(s, broken, y, objective) is None
    for function in (fidelity.nll, fidelity.calibration_error, fidelity.worst_class):
        assert function(broken, y, objective) is None


def test_a_regression_has_no_probabilities():
    s, t, y = map(tensor, entries())
    assert fidelity.agreement(s, t, y, REGRESSION) is fidelity.divergence(s, t, y, REGRESSION) is None
    assert fidelity.nll(s, y, REGRESSION) is fidelity.calibration_error(s, y, REGRESSION) is None
    assert fidelity.worst_class(s, y, REGRESSION) is None


@pytest.fixture(params=["node", "graph", "full", "node, binary"])
def trained(request):
    """A network of each kind of task with its feed, and what another one knows."""
    kind = ALL[request.param]
    task = kind.task()
    torch.manual_seed(0)
    model, other = create(kind.network, kind.facts), create(kind.network, kind.facts).eval()
    feed = choose.create(task, torch.device("cpu"), "all", kind.settings.changed(TrainingSettings(epochs=1)))
    with torch.no_grad():
        return model, feed, feed.knowledge(other)


def test_every_kind_of_task_is_compared_row_by_row(trained):
    """Rows of student, teacher and labels belong together, whatever order a feed has inside."""
    model, feed, teacher = trained
    model.eval()
    task, (found, _) = feed.task, fidelity.measure(model, feed, teacher)
    with torch.no_grad():
        own = feed.knowledge(model)
    units = np.array(task.split("test"))[::-1].copy()
    nodes = units
    if task.kind == "graph":
        pointers = task.arrays["node_pointers"]
        nodes = np.concatenate([np.arange(pointers[g], pointers[g + 1]) for g in units])
    x, y = (signals.hidden[-1].double().numpy()[nodes] for signals in (own, teacher))
    assert found["cka"] == pytest.approx(slow_cka(x, y), rel=1e-6)
    s, t = own.logits[units].double(), teacher.logits[units].double()
    labels = tensor(task.labels[units])
    assert found["agreement"] == fidelity.agreement(s, t, labels, task.objective)
    assert found["kl_to_teacher"] == pytest.approx(fidelity.divergence(s, t, labels, task.objective), rel=1e-5)
    assert found["nll"] == pytest.approx(fidelity.nll(s, labels, task.objective), rel=1e-5)
    assert found["ece"] == pytest.approx(fidelity.calibration_error(s, labels, task.objective), rel=1e-3, abs=1e-6)
    assert found["worst_class"] == fidelity.worst_class(s, labels, task.objective)


def test_without_a_teacher_calibration_is_measured_all_the_same(trained):
    model, feed, teacher = trained
    found, pairs = fidelity.measure(model, feed, None)
    assert pairs == {}
    assert found["agreement"] is found["kl_to_teacher"] is found["cka"] is None
    assert found["nll"] == fidelity.measure(model, feed, teacher)[0]["nll"] > 0


def test_a_teacher_that_does_not_answer_for_the_test_part_is_compared_with_nobody(trained):
    model, feed, teacher = trained
    logits = teacher.logits.clone()
    logits[feed.task.split("test")[0]] = math.nan
    assert fidelity.measure(model, feed, Signals(logits, teacher.hidden)) == fidelity.measure(model, feed, None)


def test_a_student_of_one_layer_has_no_cka(trained):
    model, feed, teacher = trained
    found, pairs = fidelity.measure(model, feed, Signals(teacher.logits, ()))
    assert pairs == {}
    assert found["cka"] is None
    assert found["agreement"] is not None


def test_in_an_inductive_task_calibration_alone_is_measured():
    """Its teacher knows nothing of the test part."""
    kind = KINDS["node"]
    task = kind.task()
    task = type(task)(**{**task.__dict__, "info": {**task.info, INDUCTIVE: True}})
    torch.manual_seed(0)
    model = create(kind.network, kind.facts)
    feed = choose.create(task, torch.device("cpu"), "all")
    with torch.no_grad():
        found, pairs = fidelity.measure(model, feed, feed.knowledge(model.eval()))
    assert pairs == {}
    assert found["agreement"] is found["kl_to_teacher"] is found["cka"] is None
    assert found["nll"] > 0 and found["ece"] is not None and found["worst_class"] is not None
