"""Feed of homogeneous node classification: the whole graph in every step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from methods.contract import UNLABELED, Batch, Signals
from workflow.datasets.parts import csr
from workflow.models.graph import Graph
from workflow.models.model import Model
from workflow.specs import TrainingSettings
from workflow.task import SPLITS, Task
from workflow.training.feeds.step import NO_DROPOUT, Step, to_device
from workflow.training.seeds import Streams


class FullGraph:
    """Transductive node classification with the whole graph in every step.

    Inside, nodes stand in the order training, validation, test, others, so that every part is a slice: nothing is
    gathered forwards or scattered backwards in a step. Signals come and go in the task's own order.

    Args:
        distill_on: "train" or "all" nodes carry the distillation terms.
        training: not used.
    """

    def __init__(self, task: Task, device: torch.device, distill_on: str, training: TrainingSettings) -> None:
        self.task = task
        self.device = device
        arrays = task.arrays
        parts = [np.sort(arrays[f"split/{part}"]) for part in SPLITS]
        others = np.ones(len(arrays["labels"]), bool)
        others[np.concatenate(parts)] = False
        order = np.concatenate([*parts, np.flatnonzero(others)])
        ends = np.cumsum([0, *map(len, parts)]).tolist()
        self.split = {part: slice(*ends[i : i + 2]) for i, part in enumerate(SPLITS)}
        self.order = torch.from_numpy(order).to(device)
        self.place = torch.argsort(self.order)

        def adjacency(prefix: str = "") -> tuple[Tensor, Tensor]:
            moved = csr.permuted(arrays[f"{prefix}pointers"], arrays[f"{prefix}sources"], order)
            return to_device(moved[0], device), to_device(moved[1], device)

        transpose = None if task.info["symmetric"] else adjacency("transpose/")
        self.labels = to_device(arrays["labels"][order], device).long()
        self.visible = torch.full_like(self.labels, UNLABELED)
        """[n] labels, hidden outside the training split."""
        self.visible[self.split["train"]] = self.labels[self.split["train"]]
        self.graph = Graph(to_device(arrays["features"][order], device), *adjacency(), transpose, self.visible)
        self.distilled = self.split["train"] if distill_on == "train" else None

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[list[Step]]:
        """One list per epoch, the same object every time.

        Args:
            teacher: signals of ALL nodes in the task's order; None where a teacher is trained.
        """
        train, labels = self.units("train")
        if teacher is None:
            step = Step(self.graph.at(train), None, labels)
        else:
            rows = self.distilled
            known = teacher.at(self.order if rows is None else self.order[rows])
            batch = Batch(*self._among(rows), generator=streams.generator("sampling"), constant=True)
            step = Step(self.graph.at(rows), train if rows is None else None, labels, known, batch)
        while True:
            yield [step]

    def _among(self, rows: slice | None) -> tuple[Tensor, Tensor]:
        """Labels of the first rows (None: of all), hidden outside the training split, and the edges among them."""
        adjacency = self.graph.adjacency
        edges = torch.stack([adjacency.columns.long(), adjacency.rows.long()])
        if rows is None:
            return self.visible, edges
        return self.visible[rows], edges[:, (edges < rows.stop).all(0)]

    def units(self, part: str) -> tuple[slice, Tensor]:
        """Rows of `predict` for all nodes that belong to a part of the split, and their labels."""
        return self.split[part], self.labels[self.split[part]]

    def predict(self, model: Model, part: str | None = None) -> Tensor:
        """[k, C] logits of a part of the split, or of all nodes in the feed's own order, dropout off."""
        return model(self.graph.at(self.split[part] if part else None), NO_DROPOUT).logits

    def knowledge(self, model: Model) -> Signals:
        """The signals of all nodes in the task's order, dropout off."""
        return model(self.graph, NO_DROPOUT).detached().at(self.place)

    def forget(self) -> None:
        """Drops what was computed of the features once and for all (A X), for honest latencies."""
        self.graph.forget()
        # Another tensor object, so that no layer takes the features for those of its last answer.
        self.graph.x = self.graph.x.view_as(self.graph.x)
