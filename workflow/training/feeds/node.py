"""Feed of homogeneous node tasks: the whole graph in every step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from methods.contract import Batch, Signals
from workflow.datasets.parts import csr
from workflow.models.graph import Graph
from workflow.models.model import Model
from workflow.specs import TrainingSettings
from workflow.task import SPLITS, Task
from workflow.training.feeds import labels
from workflow.training.feeds.step import NO_DROPOUT, Change, Step, to_device
from workflow.training.seeds import Streams
from workflow.variants import INDUCTIVE


class FullGraph:
    """A node task with the whole graph in every step.

    Inside, nodes stand in the order training, validation, others, test, so that every part is a slice: nothing is
    gathered forwards or scattered backwards in a step. Signals come and go in the task's own order.

    In inductive tasks a step, the selection and the teacher's knowledge rest on the graph without the test nodes, and
    the test part alone is answered for from the whole graph.

    Args:
        distill_on: "train" or "all" nodes carry the distillation terms; all that are seen in training.
        training: not used.
    """

    def __init__(self, task: Task, device: torch.device, distill_on: str, training: TrainingSettings) -> None:
        self.task = task
        self.device = device
        arrays = task.arrays
        parts = {part: np.sort(arrays[f"split/{part}"]) for part in SPLITS}
        others = np.ones(len(arrays["labels"]), bool)
        others[np.concatenate(list(parts.values()))] = False
        placed = {"train": parts["train"], "valid": parts["valid"], "": np.flatnonzero(others), "test": parts["test"]}
        order = np.concatenate(list(placed.values()))
        ends = np.cumsum([0, *map(len, placed.values())]).tolist()
        self.split = {part: slice(*ends[i : i + 2]) for i, part in enumerate(placed)}
        self.order = torch.from_numpy(order)
        """Of the host, where the teacher's knowledge is."""
        self.place = torch.argsort(self.order).to(device)
        self.inductive = bool(task.info.get(INDUCTIVE))
        found = labels.of(arrays["labels"][order])
        self.labels, self.scored = found.to(device), labels.scored(found, device)
        self.visible = labels.visible(found, labels.among(len(order), self.split["train"])).to(device)
        """Labels, hidden outside the training split."""
        features = to_device(arrays["features"][order], device)
        classes = None if found.is_floating_point() else self.visible

        def adjacency(nodes: int, prefix: str = "") -> tuple[Tensor, Tensor]:
            moved = csr.permuted(arrays[f"{prefix}pointers"], arrays[f"{prefix}sources"], order)
            found = moved if nodes == len(order) else csr.leading(*moved, nodes)
            return to_device(found[0], device), to_device(found[1], device)

        def graph(nodes: int) -> Graph:
            transpose = None if task.info["symmetric"] else adjacency(nodes, "transpose/")
            return Graph(features[:nodes], *adjacency(nodes), transpose, None if classes is None else classes[:nodes])

        self.graph = graph(len(order))
        self.seen = graph(self.split["test"].start) if self.inductive else self.graph
        """The graph of training."""
        self.distilled = self.split["train"] if distill_on == "train" else None

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[list[Step]]:
        """One list per epoch, the same object every time.

        Args:
            teacher: signals of ALL nodes in the task's order, in inductive tasks unknown (NaN) on test nodes; None
                where a teacher is trained.
        """
        train = self.split["train"]
        seen = self.labels[train]
        if teacher is None:
            step = Step(self.seen.at(train), None, seen)
        else:
            rows = self.distilled
            chosen = self.order[: self.seen.nodes] if rows is None else self.order[rows]
            known = teacher.at(chosen).to(self.device).float()
            sampling = streams.generator("sampling")
            batch = Batch(*self._among(rows), sampling, self.task.objective, constant=True)
            batch.find_ids = lambda: chosen.to(self.device)
            step = Step(self.seen.at(rows), train if rows is None else None, seen, known, batch)
        while True:
            yield [step]

    def _among(self, rows: slice | None) -> tuple[Tensor, Tensor]:
        """Labels of the first rows (None: of all), hidden outside the training split, and the edges among them."""
        adjacency = self.seen.adjacency
        edges = torch.stack([adjacency.columns.long(), adjacency.rows.long()])
        if rows is None:
            return self.visible[: self.seen.nodes], edges
        return self.visible[rows], edges[:, (edges < rows.stop).all(0)]

    def units(self, part: str) -> tuple[slice, Tensor]:
        """Rows of `predict` for all nodes that belong to a part of the split, and their labels."""
        return self.split[part], self.scored[self.split[part]]

    def predict(self, model: Model, part: str | None = None) -> Tensor:
        """[k, C] logits of a part of the split, or of all nodes in the feed's own order, dropout off."""
        if self.inductive and part is None:
            return torch.cat([model(self.seen, NO_DROPOUT).logits, self.predict(model, "test")])
        graph = self.graph if part in (None, "test") else self.seen
        return model(graph.at(self.split[part] if part else None), NO_DROPOUT).logits

    @property
    def taught(self) -> Tensor:
        """[D] ids of the nodes that carry distillation terms."""
        return (self.order[: self.seen.nodes] if self.distilled is None else self.order[self.distilled]).sort().values

    def knowledge(self, model: Model, change: Change | None = None) -> Signals:
        """The signals of all nodes in the task's order, dropout off; in inductive tasks NaN on test nodes."""
        seen = self.seen.with_features([change(self.seen.x)]) if change else self.seen
        found = model(seen, NO_DROPOUT).detached()
        if self.inductive:
            unknown = self.graph.nodes - self.seen.nodes
            logits, *hidden = (
                torch.cat([x, x.new_full((unknown, x.shape[1]), torch.nan)]) for x in (found.logits, *found.hidden)
            )
            found = Signals(logits, tuple(hidden))
        return found.at(self.place)

    def forget(self) -> None:
        """Drops what was computed of the features once and for all (A X), for honest latencies."""
        for graph in (self.graph, self.seen):
            graph.forget()
            # Another tensor object, so that no layer takes the features for those of its last answer.
            graph.x = graph.x.view_as(graph.x)
