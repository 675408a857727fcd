"""The one training loop: teachers and students, every method, every kind of task."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from methods.contract import Method, Signals
from methods.terms import check, given
from methods.vocabulary import Objective
from reports.metrics import Metric, metric
from reports.rows import Status
from workflow.models.model import Dropout, Model
from workflow.specs import TrainingSettings
from workflow.training import optimizers, views
from workflow.training.checkpoint import Checkpoint
from workflow.training.feeds.step import Feed, Step
from workflow.training.losses import Losses, Told
from workflow.training.outcome import Outcome
from workflow.training.seeds import Streams

TRACES = 10
"""Snapshots of a method's trace over a training."""
UNSTATED = TrainingSettings()

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


@dataclass
class _Best:
    """The best validation score so far, with a copy of the weights that gave it.

    Attributes:
        stale: evaluations since then.
    """

    score: float | None = None
    epoch: int | None = None
    stale: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def see(self, epoch: int, valid: float, model: Model, selects: Metric) -> None:
        self.stale += 1
        if selects.better(valid, self.score):
            self.score, self.epoch, self.stale = valid, epoch, 0
            self.weights = {name: value.clone() for name, value in model.state_dict().items()}


@dataclass
class _Run:
    """All that a training moves, which is what its checkpoint holds."""

    model: Model
    method: Method | None
    optimizer: optimizers.Optimizer
    streams: Streams
    losses: Losses = field(default_factory=Losses)
    outcome: Outcome = field(default_factory=lambda: Outcome(Status.OK))
    best: _Best = field(default_factory=_Best)

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "method": self.method.state_dict() if self.method else {},
            "optimizer": self.optimizer.state(),
            "streams": self.streams.state(),
            "losses": self.losses.state(),
            "outcome": vars(self.outcome),
            "best": vars(self.best),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.method:
            self.method.load_state_dict(state["method"])
        self.optimizer.restore(state["optimizer"])
        self.streams.restore(state["streams"])
        self.losses.restore(state["losses"])
        self.outcome, self.best = Outcome(**state["outcome"]), _Best(**state["best"])
        self.outcome.status = Status(self.outcome.status)
        self.outcome.curve = [(epoch, loss, valid) for epoch, loss, valid in self.outcome.curve]
        self.outcome.terms = [(epoch, terms) for epoch, terms in self.outcome.terms]
        self.outcome.trace = [(epoch, values) for epoch, values in self.outcome.trace]


def fit(
    model: Model,
    feed: Feed,
    streams: Streams,
    training: TrainingSettings,
    method: Method | None = None,
    teacher: Signals | None = None,
    progress: Callable[[int, float], None] = lambda epoch, score: None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Trains a network and leaves the weights of its best validation epoch in it.

    An evaluation answers for the validation part alone, by which epochs are selected; the weights that are kept are
    scored on all parts once, at the end.

    Args:
        streams: new ones.
        training: the `training` settings of a configuration.
        method, teacher: both None for a teacher; else the method and the cached signals that it distils.
        progress: called after every evaluation with the epoch and the validation score.
        checkpoint: where the training is saved now and then, and from where it goes on bit for bit if it was
            interrupted; its file is removed at the end. None never saves.

    A loss or validation score that is not finite ends the training as "diverged".

    Raises:
        HiddenRandomnessError: network or method draw from a global random stream.
    """
    started = time.perf_counter()
    optimizer = optimizers.create([*model.parameters(), *(method.parameters() if method else ())], training)
    run = _Run(model, method, optimizer, streams)
    if checkpoint and (state := checkpoint.load()):
        run.restore(state)
    outcome, dropout = run.outcome, Dropout(streams.generator("dropout"))
    started -= outcome.seconds
    first = outcome.epochs + 1
    with streams.watched() as look:
        for epoch, steps in enumerate(feed.steps(streams, teacher), start=first):
            optimizer.set_rate(_rate(training, epoch))
            _epoch(run, epoch, steps, dropout, feed.task.objective, training)
            outcome.epochs = epoch
            if epoch == first:
                look()
            if epoch == 1 or epoch % max(1, training.epochs // TRACES) == 0:
                _record_trace(outcome, method)
            if _judged(run, feed, training, progress):
                break
            if checkpoint and checkpoint.due():
                look()
                outcome.seconds = time.perf_counter() - started
                checkpoint.save(run.state())
        _record_trace(outcome, method)
        if run.best.epoch:
            model.load_state_dict(run.best.weights)
            outcome.best_epoch = run.best.epoch
            outcome.scores = evaluate(model, feed)
    outcome.seconds = time.perf_counter() - started
    if checkpoint:
        checkpoint.remove()
    return outcome


def _judged(run: _Run, feed: Feed, training: TrainingSettings, progress: Callable[[int, float], None]) -> bool:
    """Evaluates the epoch just trained, if it is one to be evaluated; whether the training ends with it."""
    epoch = run.outcome.epochs
    finished = epoch == training.epochs
    if epoch % training.evaluate_every and not finished:
        return False
    run.losses.send()
    valid = score(run.model, feed, "valid")
    _record_scores(run.outcome, run.losses.read(), valid)
    progress(epoch, valid)
    if run.outcome.status == Status.DIVERGED:
        return True
    run.best.see(epoch, valid, run.model, metric(feed.task.metric))
    return finished or run.best.stale >= (training.patience or math.inf)


def _rate(training: TrainingSettings, epoch: int) -> float:
    """The learning rate of an epoch, counted from 1."""
    factor = min(1.0, epoch / training.warm_up) if training.warm_up else 1.0
    if training.schedule == "cosine":
        factor *= (1 + math.cos(math.pi * (epoch - 1) / training.epochs)) / 2
    return training.learning_rate * factor


def _epoch(
    run: _Run,
    epoch: int,
    steps: Iterable[Step],
    dropout: Dropout,
    objective: Objective,
    training: TrainingSettings = UNSTATED,
) -> None:
    """One pass over the steps; their losses stay on the device, so that nothing waits for them."""
    model, method, epochs = run.model, run.method, training.epochs
    model.train()
    if method:
        method.train()
    for step in steps:
        signals = model(step.inputs, dropout)
        logits = signals.logits if step.labeled is None else signals.logits[step.labeled]
        supervised = supervised_loss(logits, step.labels, objective, training.loss)
        terms: dict[str, Tensor] = {}
        if method and step.teacher is not None and step.batch is not None:
            step.batch.epoch, step.batch.epochs = epoch, epochs
            if step.wider is not None:
                step.batch.around = views.around(model, run.streams, step.wider, epoch, epochs)
            if method.labels_apart:
                _move(run, method.ce_weight * supervised)
                supervised = supervised.detach()
                signals = model(step.inputs, Dropout(run.streams.generator("view")))
            terms = given(method, signals, step.teacher, step.batch)
            if not run.outcome.epochs:  # such a fault shows at once, and its own message would name no method
                check(method, terms)
            if method.uses_view:
                terms |= views.second(model, run.streams, method, step, check_terms=not run.outcome.epochs)
            supervised = method.ce_weight * supervised
        loss = sum(terms.values(), start=supervised)
        _move(run, loss)
        run.losses.add(epoch, loss, supervised, terms)


def _move(run: _Run, loss: Tensor) -> None:
    """One step of the optimizer."""
    run.optimizer.zero_grad()
    loss.backward()
    run.optimizer.step()


@torch.no_grad()
def score(model: Model, feed: Feed, part: str) -> float:
    """The metric on one part of the split, from a forward pass without dropout that answers for it alone."""
    model.eval()
    return metric(feed.task.metric).function(feed.predict(model, part), feed.units(part)[1])


@torch.no_grad()
def evaluate(model: Model, feed: Feed) -> dict[str, float]:
    """The metric on every part of the split that has labels, from one forward pass without dropout."""
    model.eval()
    logits, function = feed.predict(model), metric(feed.task.metric).function
    parts = {part: feed.units(part) for part in feed.task.scored}
    return {part: function(logits[rows], labels) for part, (rows, labels) in parts.items()}


def _record_scores(outcome: Outcome, told: Told, valid: float) -> None:
    """A point of the curves; what is not finite ends the training."""
    outcome.curve.append((outcome.epochs, told.loss, valid))
    outcome.terms.append((outcome.epochs, told.terms))
    if told.trouble:
        outcome.reason = f"loss {told.loss}: {told.trouble}"
    elif not math.isfinite(valid):
        outcome.reason = f"validation score {valid} at epoch {outcome.epochs}"
    if outcome.reason:
        outcome.status = Status.DIVERGED


def _record_trace(outcome: Outcome, method: Method | None) -> None:
    """The method's small tensors after the last epoch, once."""
    if method is None or (outcome.trace and outcome.trace[-1][0] == outcome.epochs):
        return
    traced = {name: value.detach().cpu().clone() for name, value in method.trace().items()}
    if traced:
        outcome.trace.append((outcome.epochs, traced))
