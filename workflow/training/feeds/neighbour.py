"""Feed of homogeneous node tasks on graphs too large for a step: some nodes and what they see by drawn edges.

Features, labels and edges stay where they are (the file, where it is mapped); a step gathers its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from methods.contract import Batch, NotApplicableError, Signals
from workflow.models.model import Model
from workflow.models.sampled import SampledGraph
from workflow.moving import moved
from workflow.specs import TrainingSettings
from workflow.task import SPLITS, Task
from workflow.training.feeds.gathered import Partial, gathered, places
from workflow.training.feeds.large import LargeGraph, alone, mapped
from workflow.training.feeds.prefetch import prefetched
from workflow.training.feeds.sampling import Sample
from workflow.training.feeds.shares import shares
from workflow.training.feeds.step import Change, Needs, Step, Wider
from workflow.training.seeds import Streams
from workflow.variants import INDUCTIVE

FEW = 0.5
"""Share of a graph's nodes below which these alone are answered for, or kept of what a teacher knows."""


def few(rows: int, nodes: int) -> bool:
    """Whether these rows alone are answered for, or kept, of a graph's nodes."""
    return rows < FEW * nodes


class OwnRows(Batch):
    """A step's own rows, hardly any edge of which has both ends among them: those who read edges are asked on more."""

    @property
    def edge_index(self) -> Tensor:  # type: ignore[override]
        """Raises NotApplicableError: a term that faded with the size of the graph would look like one that is small."""
        raise NotApplicableError("reads edges in mini-batches of drawn neighbours without declaring `uses_edges`")

    @edge_index.setter
    def edge_index(self, edges: Tensor) -> None:
        """Keeps nothing."""


class NeighbourBatches:
    """Mini-batches of nodes, each with in-neighbours drawn hop by hop.

    An epoch is one pass over the training nodes in batches of nearly equal size, or several (`shares`). Which nodes
    meet in a batch, and what is drawn around them, is the same for every method at one seed. Distillation terms are on
    the nodes of a batch; a method that reads edges sees more of the graph beside them (`Wider`).

    Evaluation and knowledge rest on all edges, layer by layer (`LargeGraph`). In inductive tasks a step, the selection
    and the knowledge rest on the graph without the test nodes.

    Args:
        distill_on: "train", or "all": all other nodes are then shared out over the same batches. They carry the
            distillation terms only; labels are hidden there.
        training: `batch_size` is the number of training nodes of a batch, `fan_out` what is drawn at every hop.
        needs: what the network sees and the method reads.
    """

    def __init__(
        self, task: Task, device: torch.device, distill_on: str, training: TrainingSettings, needs: Needs
    ) -> None:
        self.task = task
        self.device = device
        self._nodes: dict[str, np.ndarray] = {}
        self.train = self.nodes("train")
        self.labels = task.labels
        self.inductive = bool(task.info.get(INDUCTIVE))
        self.whole = LargeGraph(task, device, self.train, needs.powers)
        self.seen = self.whole.without(task.split("test")) if self.inductive else self.whole
        self.edges = needs.edges
        self.hops = len(training.fan_out) if needs.reach is None else min(needs.reach, len(training.fan_out))
        self.fan_out = training.fan_out[: max(self.hops, 1 if needs.edges else 0)]
        self.all = distill_on == "all"
        self.rest = self._others() if self.all else np.empty(0, np.int64)
        self.batch_size = training.batch_size

    def _others(self) -> np.ndarray:
        """All nodes that are seen in training but carry no label there."""
        others = np.ones(len(self.labels), bool)
        others[self.train] = False
        if self.inductive:
            others[self.task.split("test")] = False
        return np.flatnonzero(others)

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[Iterator[Step]]:
        """One iterator of steps per epoch; a thread draws them while earlier ones are trained on.

        Args:
            teacher: signals of all nodes in the task's order, or of all that are distilled on; None where a teacher is
                trained.
        """
        order, sampling = streams.numpy("batches"), streams.generator("sampling")
        while True:
            yield prefetched(self._epoch(order, sampling, teacher))

    def _epoch(self, order: np.random.Generator, sampling: torch.Generator, teacher: Signals | None) -> Iterator[Step]:
        rest = self.rest if teacher is not None else self.rest[:0]
        cut = shares(len(self.train), len(rest), self.batch_size)
        dealt = cut.dealt(self.train, rest, lambda ids, parts: np.array_split(order.permutation(ids), parts))
        draws = order.integers(0, 2**63, cut.steps)
        for (labeled, unlabeled), draw in zip(dealt, draws, strict=True):
            yield self._step(labeled, unlabeled, np.random.default_rng(draw), sampling, teacher)

    def _step(
        self,
        labeled: np.ndarray,
        unlabeled: np.ndarray,
        random: np.random.Generator,
        sampling: torch.Generator,
        teacher: Signals | None,
    ) -> Step:
        """One step; the random stream is its own, so that how far a network sees shifts no other step's draws."""
        roots = np.concatenate([labeled, unlabeled])
        sample = self.seen.neighbours.sample(roots, self.fan_out, random)
        graph = self.seen.graph(sample if self.hops else alone(roots), 0)
        labels = moved(torch.from_numpy(self.labels[labeled]), self.device)
        chosen = slice(0, len(labeled)) if len(unlabeled) else None
        if teacher is None:
            return Step(graph, chosen, labels)
        known, batch = self._of_rows(sample, np.arange(len(roots)), sampling, teacher)
        wider = self._wider(sample, graph, sampling, teacher) if self.edges else None
        return Step(graph, chosen, labels, known, batch, wider)

    def _wider(self, sample: Sample, graph: SampledGraph, sampling: torch.Generator, teacher: Signals) -> Wider:
        """The roots and, of the nodes that the first hop drew, those that may carry distillation terms."""
        ends = sample.ends[:2]
        fit = np.ones(ends[1], bool)
        if not self.all:
            fit[ends[0] :] = self.seen.trains(sample.nodes[ends[0] : ends[1]])
        rows = np.flatnonzero(fit)
        known, batch = self._of_rows(sample, rows, sampling, teacher, self._drawn(sample, rows))
        inputs = graph.wanting(1) if self.hops else self.seen.graph(sample, 1)
        return Wider(inputs, None if fit.all() else moved(torch.from_numpy(rows), self.device), known, batch)

    def _of_rows(
        self,
        sample: Sample,
        rows: np.ndarray,
        sampling: torch.Generator,
        teacher: Signals,
        edges: Tensor | None = None,
    ) -> tuple[Signals, Batch]:
        """What a teacher knows of some nodes of a sample, by ascending place, and what describes them.

        Args:
            edges: those among more rows than the step's own.
        """
        nodes = torch.from_numpy(sample.nodes[rows])
        visible = moved(self.seen.visible(sample.nodes[rows]), self.device)
        if edges is None:
            batch: Batch = OwnRows(visible, torch.empty(0), sampling, self.task.objective)
        else:
            batch = Batch(visible, edges, sampling, self.task.objective, own=sample.ends[0])
        batch.find_ids = lambda: moved(nodes, self.device)
        known = places(teacher, nodes)
        return gathered(teacher, known, known, self.device), batch

    def _drawn(self, sample: Sample, rows: np.ndarray) -> Tensor:
        """[2, E] the drawn edges from some rows into the step's own, the first of them, by their numbers there."""
        own, number = sample.ends[0], np.full(sample.ends[1], -1, np.int64)
        number[rows] = np.arange(len(rows))
        sources = number[sample.sources[: sample.pointers[own]]]
        targets = np.repeat(np.arange(own), np.diff(sample.pointers[: own + 1]))
        return moved(torch.from_numpy(np.stack([sources, targets])[:, sources >= 0]), self.device)

    def nodes(self, part: str) -> np.ndarray:
        """Ids of a part of the split, ascending."""
        if part not in self._nodes:
            found = self.task.split(part)
            ascending = bool((found[1:] > found[:-1]).all())
            self._nodes[part] = found if ascending else np.sort(found)
        return self._nodes[part]

    @cached_property
    def answered(self) -> np.ndarray | None:
        """[k] ids, ascending, of the nodes that `predict` answers for: those of the split; None for all, if not few."""
        found = np.sort(np.concatenate([self.nodes(part) for part in SPLITS]))
        return found if few(len(found), len(self.labels)) else None

    def units(self, part: str) -> tuple[Tensor, Tensor]:
        """Rows of `predict` for all nodes that belong to a part of the split, and their labels, on the host."""
        return self._rows(part), torch.from_numpy(self.labels[self.nodes(part)])

    def _rows(self, part: str) -> Tensor:
        nodes = self.nodes(part)
        return mapped(nodes) if self.answered is None else torch.from_numpy(np.searchsorted(self.answered, nodes))

    def predict(self, model: Model, part: str | None = None) -> Tensor:
        """[k, C] logits of a part of the split, or of all nodes that are `answered` for, dropout off; on the host."""
        if part is not None:
            graph = self.whole if part == "test" else self.seen
            return graph.logits(model, self.nodes(part))
        logits = self.seen.logits(model, self.answered)
        if self.inductive:
            logits[self._rows("test")] = self.whole.logits(model, self.nodes("test"))
        return logits

    @property
    def taught(self) -> Tensor:
        """[D] ids of the nodes that may carry distillation terms."""
        return mapped(np.sort(np.concatenate([self.train, self.rest])))

    def knowledge(self, model: Model, change: Change | None = None) -> Signals:
        """The signals of all nodes on the host, hidden states in float16; in inductive tasks NaN on test nodes."""
        found = (self.seen.changed(change) if change else self.seen).signals(model)
        if self.inductive:
            unknown = mapped(self.nodes("test"))
            for values in (found.logits, *found.hidden):
                values[unknown] = torch.nan
        return found

    @property
    def kept(self) -> np.ndarray | None:
        """[k] ids, ascending, of the nodes on which most students read what a teacher knows; None where these are many.

        They are the training nodes, and the test nodes for fidelity, of which inductive teachers know nothing.
        """
        found = self.train if self.inductive else np.sort(np.concatenate([self.train, self.nodes("test")]))
        return found if few(len(found), len(self.labels)) else None

    def partial(self, model: Model, nodes: np.ndarray) -> Partial:
        """`knowledge` of some nodes, which may differ from that of all in the last bits: sizes of products do."""
        rows = mapped(nodes)
        found = self.seen.signals(model, nodes)
        return Partial(found.logits[rows], tuple(layer[rows] for layer in found.hidden), rows)

    def forget(self) -> None:
        """Drops the propagated features, for honest latencies."""
        self.whole.forget()
        self.seen.forget()
