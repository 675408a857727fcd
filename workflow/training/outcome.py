"""What one training gives, and how that is told: its row and its history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from reports.rows import FIDELITY, Row, Status
from workflow.identity import plugged
from workflow.specs import CellSpec, TeacherSpec
from workflow.task import SPLITS, Task
from workflow.training.provenance import commit, versions
from workflow.training.records import History, Matrix, finite, listed


@dataclass
class Outcome:
    """What one training gives.

    Attributes:
        scores: metric on the labelled parts of the split at the best validation epoch.
        fidelity: the columns FIDELITY of the same weights.
        best_epoch: that epoch, counted from 1; the model holds its weights.
        epochs: epochs trained.
        seconds: wall time of the training with its evaluations, without loading.
        peak_memory_mb: MiB at the end of the training.
        curve: (epoch, mean training loss, validation score) of every evaluation; the mean is over all steps since the
            one before.
        terms: (epoch, the means of the loss's terms by name) of every evaluation, each as weighted.
        layers: linear CKA of all pairs of layers, teacher x student, "before" the training and "after" it.
        trace: (epoch, the method's small tensors) at the first and last step, and at about `loop.TRACES` steps between.
    """

    status: Status
    reason: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    fidelity: dict[str, float | None] = field(default_factory=dict)
    best_epoch: int | None = None
    epochs: int = 0
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    terms: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    trace: list[tuple[int, dict[str, Tensor]]] = field(default_factory=list)
    layers: dict[str, Matrix] = field(default_factory=dict)

    @property
    def history(self) -> History:
        """As a record keeps it."""
        return History(
            curve=tuple((epoch, finite(loss), finite(valid)) for epoch, loss, valid in self.curve),
            terms=tuple((epoch, {name: finite(value) for name, value in terms.items()}) for epoch, terms in self.terms),
            trace=tuple((epoch, {name: listed(value) for name, value in t.items()}) for epoch, t in self.trace),
            layers=self.layers,
        )

    def row(self, spec: TeacherSpec | CellSpec, task: Task, seed: int, device: str, threads: int) -> Row:
        """Its row; only a training that went well has scores."""
        numbers: dict[str, Any] = dict.fromkeys((*SPLITS, *FIDELITY))
        if self.status == Status.OK:
            numbers |= {part: finite(score) for part, score in self.scores.items()} | self.fidelity
        return Row(
            **spec.columns,
            **numbers,
            task=task.kind.value,
            metric=task.metric,
            seed=seed,
            status=self.status,
            reason=self.reason,
            best_epoch=self.best_epoch,
            epochs=self.epochs,
            seconds=self.seconds,
            peak_memory_mb=self.peak_memory_mb,
            device=device,
            threads=threads,
            commit=commit(plugged(spec)),
            versions=versions(),
        )
