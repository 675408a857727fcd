"""The one training loop: teachers and students, every method, every kind of task."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from methods.contract import Method, Signals
from methods.vocabulary import Objective
from reports.metrics import metric
from workflow.models.model import Dropout, Model
from workflow.task import SPLITS
from workflow.training import optimizers
from workflow.training.feeds.step import Feed, Step
from workflow.training.seeds import Streams

TRACES = 10
"""Snapshots of a method's trace over a training."""

Status = Literal["ok", "diverged", "oom", "skipped", "failed"]


@dataclass
class Outcome:
    """What one training gives.

    Attributes:
        scores: metric on train, valid and test at the best validation epoch.
        best_epoch: that epoch, counted from 1; the model holds its weights.
        epochs: epochs trained.
        seconds: wall time of the training with its evaluations, without loading.
        curve: (epoch, mean training loss, validation score) of every evaluation.
        trace: (epoch, the method's small tensors) at the first and last step, and at about TRACES steps between.
    """

    status: Status
    reason: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    epochs: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    trace: list[tuple[int, dict[str, Tensor]]] = field(default_factory=list)


LOG_OFFSET = 1 - math.log(2)
"""Epsilon of the logarithmic cross-entropy (Wang et al. 2021, Bag of Tricks for Node Classification, section 3.2)."""


def supervised_loss(logits: Tensor, labels: Tensor, objective: Objective, kind: str = "cross-entropy") -> Tensor:
    """Mean loss on the labels: cross-entropy, or BCE or squared error over the measured (not NaN) entries.

    It is 0, with gradients of 0, where a batch has no measured entry.

    Args:
        kind: of the multi-class loss; `log-cross-entropy` is log(eps + CE) - log(eps) of every row, eps LOG_OFFSET.
    """
    if objective == Objective.MULTICLASS and kind == "log-cross-entropy":
        each_row = nn.functional.cross_entropy(logits, labels, reduction="none")
        return torch.log1p(each_row / LOG_OFFSET).mean()
    if objective == Objective.MULTICLASS:
        return nn.functional.cross_entropy(logits, labels)
    measured = ~torch.isnan(labels)
    known = torch.where(measured, labels, 0)
    each = nn.functional.binary_cross_entropy_with_logits if objective == Objective.BINARY else nn.functional.mse_loss
    # A product with the mask rather than a selection by it, whose size a GPU would have to tell the host.
    return (each(logits, known, reduction="none") * measured).sum() / measured.sum().clamp(min=1)


def fit(
    model: Model,
    feed: Feed,
    streams: Streams,
    training: dict[str, Any],
    method: Method | None = None,
    teacher: Signals | None = None,
    progress: Callable[[int, float], None] = lambda epoch, score: None,
) -> Outcome:
    """Trains a network and leaves the weights of its best validation epoch in it.

    An evaluation answers for the validation part alone, by which epochs are selected; the weights that are kept are
    scored on all parts once, at the end.

    Args:
        training: the `training` settings of a config, complete.
        method, teacher: both None for a teacher; else the method and the cached signals that it distils.
        progress: called after every evaluation with the epoch and the validation score.

    A loss or validation score that is not finite ends the training as "diverged".
    """
    started = time.perf_counter()
    objective, selects = feed.task.objective, metric(feed.task.metric)
    parameters = [*model.parameters(), *(method.parameters() if method else ())]
    optimizer = optimizers.create(parameters, training)
    dropout = Dropout(streams.generator("dropout"))
    outcome = Outcome("ok")
    best: float | None = None
    best_state: dict[str, Tensor] = {}
    patience = training["patience"] or math.inf
    stale = 0
    for epoch, steps in enumerate(feed.steps(streams, teacher), start=1):
        _set_rate(optimizer, training, epoch)
        total = _epoch(model, method, steps, dropout, optimizer, objective, training["loss"])
        outcome.epochs = epoch
        if epoch == 1 or epoch % max(1, training["epochs"] // TRACES) == 0:
            _record_trace(outcome, epoch, method)
        finished = epoch == training["epochs"]
        if epoch % training["evaluate_every"] and not finished:
            continue
        valid = score(model, feed, "valid")
        loss_value = float(total)
        outcome.curve.append((epoch, loss_value, valid))
        progress(epoch, valid)
        if not (math.isfinite(loss_value) and math.isfinite(valid)):
            outcome.status = "diverged"
            outcome.reason = f"loss {loss_value}, validation score {valid} at epoch {epoch}"
            break
        stale += 1
        if selects.better(valid, best):
            best, stale = valid, 0
            outcome.best_epoch = epoch
            best_state = {name: value.clone() for name, value in model.state_dict().items()}
        if finished or stale >= patience:
            break
    if not outcome.trace or outcome.trace[-1][0] != outcome.epochs:
        _record_trace(outcome, outcome.epochs, method)
    if best_state:
        model.load_state_dict(best_state)
        outcome.scores = evaluate(model, feed)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _epoch(
    model: Model,
    method: Method | None,
    steps: Iterable[Step],
    dropout: Dropout,
    optimizer: optimizers.Optimizer,
    objective: Objective,
    kind: str = "cross-entropy",
) -> Tensor:
    """One pass over the steps; the mean loss stays on the device, so that nothing waits for it."""
    model.train()
    if method:
        method.train()
    losses = []
    for step in steps:
        signals = model(step.inputs, dropout)
        logits = signals.logits if step.labeled is None else signals.logits[step.labeled]
        loss = supervised_loss(logits, step.labels, objective, kind)
        if method and step.teacher is not None and step.batch is not None:
            terms = method(signals, step.teacher, step.batch)
            loss = sum(terms.values(), start=method.ce_weight * loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean()


@torch.no_grad()
def score(model: Model, feed: Feed, part: str) -> float:
    """The metric on one part of the split, from a forward pass without dropout that answers for it alone."""
    model.eval()
    return metric(feed.task.metric).function(feed.predict(model, part), feed.units(part)[1])


@torch.no_grad()
def evaluate(model: Model, feed: Feed) -> dict[str, float]:
    """The metric on train, valid and test, from one forward pass without dropout."""
    model.eval()
    logits, function = feed.predict(model), metric(feed.task.metric).function
    parts = {part: feed.units(part) for part in SPLITS}
    return {part: function(logits[rows], labels) for part, (rows, labels) in parts.items()}


def _set_rate(optimizer: optimizers.Optimizer, training: dict[str, Any], epoch: int) -> None:
    factor = min(1.0, epoch / training["warm_up"]) if training["warm_up"] else 1.0
    if training["schedule"] == "cosine":
        factor *= (1 + math.cos(math.pi * (epoch - 1) / training["epochs"])) / 2
    optimizer.set_rate(training["learning_rate"] * factor)


def _record_trace(outcome: Outcome, epoch: int, method: Method | None) -> None:
    if method:
        traced = {name: value.detach().cpu().clone() for name, value in method.trace().items()}
        if traced:
            outcome.trace.append((epoch, traced))
