"""What a training step is fed with, for each kind of task.

A feed turns a Task into device tensors once a process and is shared by all its seeds. `steps` gives the inputs of one
epoch, `predict` the logits of all units (nodes or graphs) for evaluation, `knowledge` a teacher's signals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from methods.contract import UNLABELED, Batch, Signals
from workflow.config import training_defaults
from workflow.models.graph import Graph
from workflow.models.model import Dropout, Model
from workflow.tasks.task import SPLITS, Task
from workflow.training.seeds import Streams

NO_DROPOUT = Dropout(None)


@dataclass(frozen=True)
class Step:
    """One optimizer step.

    Attributes:
        inputs: what the network is called with.
        labeled: rows of the logits that carry the supervised loss; None for all.
        labels: their labels.
        distilled: rows of logits and hidden states that carry the distillation terms; None for all.
        teacher: the teacher's signals on the distilled rows; None while a teacher is trained.
        batch: describes the distilled rows; None while a teacher is trained.
    """

    inputs: Any
    labeled: Tensor | None
    labels: Tensor
    distilled: Tensor | None = None
    teacher: Signals | None = None
    batch: Batch | None = None


class Feed(Protocol):
    task: Task
    device: torch.device

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[Iterable[Step]]: ...

    def labels_of(self, part: str) -> tuple[Tensor, Tensor]: ...

    def predict(self, model: Model) -> Tensor: ...

    def knowledge(self, model: Model) -> Signals: ...

    def forget(self) -> None: ...


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """A memory-mapped array as a tensor (one copy: the file must not be written through)."""
    return torch.from_numpy(np.array(array)).to(device)


class FullGraph:
    """Transductive node classification with the whole graph in every step.

    Args:
        distill_on: "train" or "all" nodes carry the distillation terms.
        training: not used.
    """

    def __init__(self, task: Task, device: torch.device, distill_on: str, training: dict[str, Any]) -> None:
        self.task = task
        self.device = device
        arrays = task.arrays

        def load(name: str) -> Tensor:
            return to_device(arrays[name], device)

        transpose = None if task.info["symmetric"] else (load("transpose/pointers"), load("transpose/sources"))
        self.labels = load("labels").long()
        self.split = {part: load(f"split/{part}").long().sort().values for part in SPLITS}
        visible = torch.full_like(self.labels, UNLABELED)
        visible[self.split["train"]] = self.labels[self.split["train"]]
        self.graph = Graph(load("features"), load("pointers"), load("sources"), transpose, visible)
        self.parts = {part: (rows, self.labels[rows]) for part, rows in self.split.items()}
        # The same tensor as the labeled rows, so that the loop gathers them once.
        self.distilled = self.split["train"] if distill_on == "train" else None

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[list[Step]]:
        """One list a epoch, the same object every time.

        Args:
            teacher: signals of ALL nodes; None where a teacher is trained.
        """
        train, labels = self.parts["train"]
        if teacher is None:
            step = Step(self.graph, train, labels, train)
        else:
            rows = self.distilled
            batch = Batch(*self._among(rows), generator=streams.generator("sampling"))
            step = Step(self.graph, train, labels, rows, teacher if rows is None else teacher.at(rows), batch)
        while True:
            yield [step]

    def _among(self, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Labels of the rows, hidden outside the training split, and the edges among them, renumbered."""
        visible = self.graph.labels
        counts = (self.graph.pointers[1:] - self.graph.pointers[:-1]).long()
        target = torch.repeat_interleave(torch.arange(self.graph.nodes, device=self.device), counts)
        source = self.graph.sources.long()
        if rows is None:
            return visible, torch.stack([source, target])
        number = torch.full_like(self.labels, -1)
        number[rows] = torch.arange(len(rows), device=self.device)
        source, target = number[source], number[target]
        kept = (source >= 0) & (target >= 0)
        return visible[rows], torch.stack([source[kept], target[kept]])

    def labels_of(self, part: str) -> tuple[Tensor, Tensor]:
        """Rows of `predict` that belong to a part of the split, and their labels."""
        return self.parts[part]

    def predict(self, model: Model) -> Tensor:
        """[n, C] logits of all nodes, dropout off."""
        return model(self.graph, NO_DROPOUT).logits

    def knowledge(self, model: Model) -> Signals:
        """The signals of all nodes, dropout off."""
        return model(self.graph, NO_DROPOUT).detached()

    def forget(self) -> None:
        """Drops what was computed of the features once and for all (A X), for honest latencies."""
        self.graph.forget()


def create(task: Task, device: torch.device, distill_on: str, training: dict[str, Any] | None = None) -> Feed:
    """The feed of a task's kind.

    Args:
        training: the `training` settings of a config, complete; None for the defaults. `walk_length` must be resolved.
    """
    # These modules build on this one.
    from workflow.training.graph_feed import GraphBatches
    from workflow.training.hetero_feed import HeteroFeed

    feeds: dict[str, Callable[..., Feed]] = {"node": FullGraph, "heterogeneous": HeteroFeed, "graph": GraphBatches}
    return feeds[task.kind](task, device, distill_on, training or training_defaults())
