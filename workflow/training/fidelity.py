"""What a training hands on beside its score, on the test part with the weights that are reported, dropout off.

All numbers are computed on the host in float64. A number that cannot be is None, never NaN: the task has no such thing
(a regression has no calibration), there is no teacher to compare with, or some answer is not finite.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from methods.contract import Signals
from methods.vocabulary import Kind, Objective
from workflow.models.model import Model
from workflow.task import Task
from workflow.training.feeds.gathered import places
from workflow.training.feeds.step import Feed

BINS = 15
"""Of the calibration error, as in Guo et al. 2017."""
ROWS = 1 << 16
"""Hidden rows that are held in float64 at once."""
CONSTANT = 1e-20
"""A representation whose variance is below this share of its squares is constant but for rounding."""


@torch.no_grad()
def measure(model: Model, feed: Feed, teacher: Signals | None) -> dict[str, float | None]:
    """The columns of a row from `agreement` to `worst_class`.

    Args:
        teacher: signals of all units in the task's order, as `Feed.knowledge` gives them, or of some nodes. None where
            there is no teacher to compare with, which a teacher itself has not; nor has a student whose teacher does
            not answer for the test part (rows that are not there, or not finite).
    """
    model.eval()
    task = feed.task
    labels = feed.units("test")[1].cpu()
    logits = _host(feed.predict(model, "test"))
    found: dict[str, float | None] = {
        "nll": nll(logits, labels, task.objective),
        "ece": calibration_error(logits, labels, task.objective),
        "worst_class": worst_class(logits, labels, task.objective),
        "agreement": None,
        "kl_to_teacher": None,
        "cka": None,
    }
    units = torch.from_numpy(np.sort(task.split("test")))
    if teacher is None or not (of_teacher := _answers(teacher, units)).isfinite().all():
        return found
    signals = feed.knowledge(model)
    own, measured = _rows(signals.logits, units), torch.from_numpy(task.labels[units.numpy()])
    found["agreement"] = agreement(own, of_teacher, measured, task.objective)
    found["kl_to_teacher"] = divergence(own, of_teacher, measured, task.objective)
    if signals.hidden and teacher.hidden:
        nodes = hidden_rows(task, units)
        found["cka"] = cka(signals.hidden[-1], teacher.hidden[-1], nodes, places(teacher, nodes))
    return found


def _answers(teacher: Signals, units: Tensor) -> Tensor:
    """[n, C] logits of the teacher; NaN where it knows nothing of these units."""
    try:
        return _rows(teacher.logits, places(teacher, units))
    except LookupError:
        return torch.full((len(units), teacher.logits.shape[1]), torch.nan)


def hidden_rows(task: Task, units: Tensor) -> Tensor:
    """Rows of hidden states that belong to units: the units themselves, or the nodes of these graphs."""
    if task.kind != Kind.GRAPH:
        return units
    chosen = np.zeros(len(task.labels), bool)
    chosen[units.numpy()] = True
    return torch.from_numpy(np.flatnonzero(np.repeat(chosen, np.diff(task.arrays["node_pointers"]))))


def agreement(student: Tensor, teacher: Tensor, labels: Tensor, objective: Objective) -> float | None:
    """Share of rows whose largest logit is the same class's (the first one's where several tie).

    Of binary tasks: share of measured entries whose logits lie on the same side of 0. None for a regression.

    Args:
        student, teacher: [n, C] logits.
        labels: [n], or [n, C] with NaN where unmeasured.
    """
    if objective == Objective.REGRESSION:
        return None
    if objective == Objective.MULTICLASS:
        same = student.argmax(1) == teacher.argmax(1)
    else:
        same = ((student > 0) == (teacher > 0))[~labels.isnan()]
    return _number(same.double().mean(), student, teacher)


def divergence(student: Tensor, teacher: Tensor, labels: Tensor, objective: Objective) -> float | None:
    """Mean KL(teacher || student) at temperature 1 in nats: of the softmax of each row.

    Of binary tasks: of the two Bernoulli distributions of each measured entry. None for a regression.
    """
    if objective == Objective.REGRESSION:
        return None
    if objective == Objective.MULTICLASS:
        log_p, log_q = teacher.log_softmax(1), student.log_softmax(1)
        each = (log_p.exp() * (log_p - log_q)).sum(1)
    else:
        measured = ~labels.isnan()
        z_teacher, z_student = teacher[measured], student[measured]
        each = torch.zeros_like(z_teacher)
        for sign in (1, -1):  # of "yes", then of "no"
            log_p, log_q = logsigmoid(sign * z_teacher), logsigmoid(sign * z_student)
            each += log_p.exp() * (log_p - log_q)
    return _number(each.mean().clamp(min=0), student, teacher)  # rounding may leave -1e-17


def nll(logits: Tensor, labels: Tensor, objective: Objective) -> float | None:
    """Mean negative log-likelihood of the labels in nats.

    Of binary tasks: over measured entries. None for a regression.
    """
    if objective == Objective.REGRESSION:
        return None
    if objective == Objective.MULTICLASS:
        return _number(cross_entropy(logits, labels), logits)
    measured = ~labels.isnan()
    return _number(binary_cross_entropy_with_logits(logits[measured], labels[measured].double()), logits)


def calibration_error(logits: Tensor, labels: Tensor, objective: Objective) -> float | None:
    """Expected calibration error (Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3).

    The confidence of a row is the probability of its predicted class; BINS bins ((m-1)/BINS, m/BINS] of it have equal
    width. Of binary tasks: over measured entries, the probability of the predicted side. None for a regression.
    """
    if objective == Objective.REGRESSION:
        return None
    if objective == Objective.MULTICLASS:
        confidence, predicted = logits.softmax(1).max(1)
        right = predicted == labels
    else:
        measured = ~labels.isnan()
        z = logits[measured]
        confidence, right = z.abs().sigmoid(), (z > 0) == (labels[measured] == 1)
    inner = torch.arange(1, BINS, dtype=torch.float64) / BINS
    gaps = torch.zeros(BINS, dtype=torch.float64)
    gaps.index_add_(0, torch.bucketize(confidence, inner), right.double() - confidence)
    return _number(gaps.abs().sum() / len(confidence), logits)


def worst_class(logits: Tensor, labels: Tensor, objective: Objective) -> float | None:
    """Lowest accuracy of a class among those that the labels hold.

    None for other than multi-class tasks: a task of several is no class, and the score of the one with the fewest
    measured entries is mostly noise.
    """
    if objective != Objective.MULTICLASS:
        return None
    classes = logits.shape[1]
    hits = torch.bincount(labels[logits.argmax(1) == labels], minlength=classes).double()
    there = torch.bincount(labels, minlength=classes)
    return _number((hits / there)[there > 0].min(), logits)


def cka(student: Tensor, teacher: Tensor, rows: Tensor, of_teacher: Tensor | None = None) -> float | None:
    """Linear CKA of two representations (Kornblith et al. 2019, section 3).

    ||Y'X||^2 / (||X'X|| ||Y'Y||) of the centred columns (Frobenius norms), by products of columns alone: the memory
    grows with the widths, not with the rows. None where a representation is constant.

    Args:
        student, teacher: [N, d] and [M, e] hidden states.
        rows: [n] int64, the rows that count.
        of_teacher: [n] int64, where these stand in the teacher's; None for the same.
    """
    blocks = list(zip(rows.split(ROWS), (rows if of_teacher is None else of_teacher).split(ROWS), strict=True))
    widths = student.shape[1], teacher.shape[1]
    sums, squares = torch.zeros(2, sum(widths), dtype=torch.float64)
    for block in blocks:
        both = _both(student, teacher, *block)
        sums += both.sum(0)
        squares += both.square().sum(0)
    mean = sums / len(rows)
    products = torch.zeros(sum(widths), sum(widths), dtype=torch.float64)
    for block in blocks:
        centred = _both(student, teacher, *block) - mean
        products += centred.T @ centred
    ours, theirs = slice(widths[0]), slice(widths[0], None)
    for side in (ours, theirs):
        if not products.diagonal()[side].sum() > CONSTANT * squares[side].sum():
            return None
    norms = products[ours, ours].norm() * products[theirs, theirs].norm()
    return _number((products[ours, theirs].square().sum() / norms).clamp(max=1))


def _both(student: Tensor, teacher: Tensor, rows: Tensor, of_teacher: Tensor) -> Tensor:
    """[n, d + e] columns of both."""
    return torch.cat([_rows(student, rows), _rows(teacher, of_teacher)], dim=1)


def _rows(values: Tensor, rows: Tensor) -> Tensor:
    return _host(values.index_select(0, rows.to(values.device)))


def _host(values: Tensor) -> Tensor:
    return values.detach().cpu().double()


def _number(value: Tensor, *answers: Tensor) -> float | None:
    """A number, None where it is not finite or rests on answers that are not: the largest of NaNs has an index, too."""
    number = float(value)
    return number if math.isfinite(number) and all(bool(z.isfinite().all()) for z in answers) else None
