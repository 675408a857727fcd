"""Graph-level prediction: shuffled mini-batches of graphs, with the teacher's signals of exactly their nodes.

The collection and a teacher's knowledge stay where they are (the file, where it is mapped); a step gathers its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from methods.contract import Batch, NotApplicableError, Signals
from workflow.models.model import Model
from workflow.models.molecules import Collection
from workflow.moving import moved
from workflow.specs import TrainingSettings
from workflow.task import SPLITS, Task
from workflow.training.feeds import labels
from workflow.training.feeds.gathered import gathered, halved
from workflow.training.feeds.shares import shares
from workflow.training.feeds.step import NO_DROPOUT, Change, Step, to_device
from workflow.training.seeds import Streams

HOST = torch.device("cpu")
ANSWERED_AT_ONCE = 256  # graphs of a forward pass without gradients: their activations stay in the cache


class GraphBatches:
    """Mini-batches of graphs.

    An epoch is one pass over the training graphs in ceil(n / batch_size) batches of nearly equal size, so that no
    batch norm ever meets a rest of one graph; or several passes, where far more graphs have no label (`shares`).

    Args:
        distill_on: "train", or "all": all other graphs (validation, test, those of no split) are then shared out over
            the same batches. They carry the distillation terms only; labels are hidden there.
        training: `batch_size` is the number of training graphs of a batch.
    """

    def __init__(self, task: Task, device: torch.device, distill_on: str, training: TrainingSettings) -> None:
        self.task = task
        self.device = device
        self.collection = Collection(task.arrays, task.split("train"))
        self.labels = labels.of(task.labels)
        self.split = {part: to_device(task.split(part), HOST).long() for part in SPLITS}
        self.answers = labels.answers(self.labels, self.split, device)
        units = len(self.labels)
        self.visible = labels.visible(self.labels, labels.among(units, self.split["train"]))
        others = ~labels.among(units, torch.cat(list(self.split.values())))
        rest = [self.split["valid"], self.split["test"], others.nonzero().flatten()]
        self.rest = torch.cat(rest) if distill_on == "all" else torch.empty(0, dtype=torch.int64)
        self.batch_size = training.batch_size

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[Iterator[Step]]:
        """One iterator of steps per epoch, in an order that the seed alone decides.

        Args:
            teacher: signals of ALL graphs and nodes; None where a teacher is trained.
        """
        order = streams.generator("batches", HOST)
        sampling = streams.generator("sampling")
        while True:
            yield self._epoch(order, sampling, teacher)

    def _epoch(self, order: torch.Generator, sampling: torch.Generator, teacher: Signals | None) -> Iterator[Step]:
        train, rest = self.split["train"], self.rest if teacher is not None else self.rest[:0]
        cut = shares(len(train), len(rest), self.batch_size)

        def shuffled(ids: Tensor, parts: int) -> tuple[Tensor, ...]:
            return torch.tensor_split(ids[torch.randperm(len(ids), generator=order)], parts)

        for labeled, others in cut.dealt(train, rest, shuffled):
            yield self._step(labeled, others, sampling, teacher)

    def _step(self, labeled: Tensor, others: Tensor, sampling: torch.Generator, teacher: Signals | None) -> Step:
        ids = torch.cat([labeled, others])
        inputs = self.collection.batch(ids).to(self.device)
        rows = slice(len(labeled)) if len(others) else None
        seen = moved(self.labels[labeled], self.device)
        if teacher is None:
            return Step(inputs, rows, seen)
        visible = moved(self.visible[ids], self.device)
        batch = Batch(visible, inputs.edge_index, sampling, self.task.objective, inputs.graph)
        batch.find_ids = lambda: moved(ids, self.device)
        batch.find_row_ids = lambda: moved(self.collection.rows(ids), self.device)
        return Step(inputs, rows, seen, self._taught(teacher, ids), batch)

    def _taught(self, teacher: Signals, ids: Tensor) -> Signals:
        """The teacher's logits of these graphs and hidden states of their nodes."""
        return gathered(teacher, ids, self.collection.rows(ids), self.device)

    def units(self, part: str) -> tuple[Tensor, Tensor]:
        """Rows of `predict` for all graphs that belong to a part of the split, and their labels."""
        return self.answers[part]

    def predict(self, model: Model, part: str | None = None) -> Tensor:
        """[k, tasks] logits of a part of the split, or of all graphs, dropout off."""
        if part is None:
            return torch.cat([signals.logits for _, signals in self._answers(model)])
        batches = map(self.collection.batch, self.split[part].split(ANSWERED_AT_ONCE))
        return torch.cat([model(batch.to(self.device), NO_DROPOUT).logits for batch in batches])

    @property
    def taught(self) -> Tensor:
        """[D] ids of the graphs that carry distillation terms."""
        return torch.cat([self.split["train"], self.rest]).sort().values

    def knowledge(self, model: Model, change: Change | None = None) -> Signals:
        """The signals of all graphs and their nodes on the host, dropout off.

        Hidden states are float16, which halves the 6 GB of a 5 x 300 network on ogbg-molhiv; its rounding (5e-4 of a
        value) is far below the spread between teachers. Logits keep their precision.
        """
        if change:
            raise NotApplicableError("features of atoms are categories, which cannot be changed a little")
        logits = torch.empty(len(self.collection), model.shape.out)
        hidden = [torch.empty(self.collection.nodes, width, dtype=torch.float16) for width in model.shape.hidden]
        first = 0
        for rows, signals in self._answers(model):
            logits[first : first + len(signals.logits)] = signals.logits
            first += len(signals.logits)
            for kept, layer in zip(hidden, signals.hidden, strict=True):
                kept[rows] = halved(layer).to(HOST)
        return Signals(logits, tuple(hidden))

    def _answers(self, model: Model) -> Iterator[tuple[slice, Signals]]:
        """Node rows and signals of all graphs, part by part, in the task's order."""
        graphs = len(self.collection)
        for first in range(0, graphs, ANSWERED_AT_ONCE):
            last = min(first + ANSWERED_AT_ONCE, graphs)
            inputs = self.collection.span(first, last).to(self.device)
            yield self.collection.span_rows(first, last), model(inputs, NO_DROPOUT)

    def forget(self) -> None:
        """Nothing is kept between two answers."""
