"""Feed of heterogeneous node tasks: the whole graph in every step, or graphs sampled by random walks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from methods.contract import Batch, Signals
from workflow.models.hetero import HeteroGraph, Patterns, ends, pattern
from workflow.models.model import Model
from workflow.moving import moved
from workflow.specs import TrainingSettings
from workflow.task import SPLITS, Task
from workflow.training.feeds import labels
from workflow.training.feeds.saint import RandomWalks, induced
from workflow.training.feeds.step import Change, Step, to_device
from workflow.training.seeds import Streams

HOST = torch.device("cpu")
FEWEST_LABELS = 2
"""Training nodes that a sampled graph must hold: batch norm in a method's head needs two rows."""
TRIALS = 1000
"""Samples drawn before one with that many training nodes is given up on."""


class HeteroFeed:
    """Rows of logits, hidden states and knowledge are nodes of the target type.

    Evaluation and knowledge always come from the whole graph, by `infer` of the network.

    Args:
        distill_on: "train" or "all" (sampled) nodes of the target type carry the distillation terms.
        training: `sampler` full or saint; for the latter `roots`, `steps_per_epoch` and a positive `walk_length`.
    """

    def __init__(self, task: Task, device: torch.device, distill_on: str, training: TrainingSettings) -> None:
        self.task = task
        self.device = device
        self.distill_all = distill_on == "all"
        self.target: str = task.info["target"]
        self.counts: dict[str, int] = task.info["counts"]
        self.features = {kind: to_device(task.arrays[f"features/{kind}"], device) for kind in task.info["features"]}
        self.patterns = {name: self._pattern(name) for name in task.info["relations"]}
        found = labels.of(task.labels)
        self.split = {part: to_device(task.split(part), HOST).long() for part in SPLITS}
        """Of the host, where steps are put together, so that nothing waits for a GPU to tell a number of rows."""
        self.answers = labels.answers(found, self.split, device)
        self.answering: dict[str, HeteroGraph] = {}
        """The whole graph for each part of the split that has been asked for: in a training, validation."""
        self.labelled = labels.among(len(found), self.split["train"])
        self.visible = labels.visible(found, self.labelled)
        """Labels on the host, hidden outside the training split."""
        self.training = training
        self.sampled = training.sampler == "saint"
        if self.sampled and not training.walk_length:
            raise ValueError("walk_length must be resolved to the number of layers before a feed is made")

    def _pattern(self, name: str) -> csr_array:
        pointers, sources = (np.array(self.task.arrays[f"relation/{name}/{part}"]) for part in ("pointers", "sources"))
        return pattern(pointers, sources, self.counts[ends(name)[0]])

    @cached_property
    def graph(self) -> HeteroGraph:
        """The whole graph for evaluation; no gradient is asked of it."""
        return HeteroGraph(self.features, self.counts, self.patterns, self.target, backward=False)

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[Iterable[Step]]:
        """The steps of one epoch after another.

        Args:
            teacher: signals of ALL nodes of the target type; None where a teacher is trained.
        """
        return self._sampled_epochs(streams, teacher) if self.sampled else self._full_epochs(streams, teacher)

    def _full_epochs(self, streams: Streams, teacher: Signals | None) -> Iterator[list[Step]]:
        """The same list with the same step every time."""
        rows, labeled = self._wanted(self.split["train"].sort().values, teacher)
        graph = HeteroGraph(self.features, self.counts, self.patterns, self.target, rows=rows)
        step = self._step(graph, None, self.patterns, rows, labeled, teacher, streams.generator("sampling"))
        while True:
            yield [step]

    def _sampled_epochs(self, streams: Streams, teacher: Signals | None) -> Iterator[Iterator[Step]]:
        """Steps are drawn when they are asked for; the walks are the same for every method at one seed."""
        training = self.training
        teacher = None if teacher is None else teacher.to(self.device)
        walks = RandomWalks(self.patterns, self.counts, training.roots, training.walk_length)
        random = streams.numpy("batches")
        generator = streams.generator("sampling")
        while True:
            yield (self._sample(walks, random, teacher, generator) for _ in range(training.steps_per_epoch))

    def _sample(
        self, walks: RandomWalks, random: np.random.Generator, teacher: Signals | None, generator: torch.Generator
    ) -> Step:
        for _ in range(TRIALS):
            drawn = walks.sample(random)
            own = torch.from_numpy(drawn[self.target])
            train = self.labelled[own].nonzero().flatten()
            if len(train) >= FEWEST_LABELS:
                break
        else:
            raise ValueError(f"training.roots: {walks.roots} walks reach fewer than {FEWEST_LABELS} training nodes")
        nodes = {kind: moved(torch.from_numpy(ids), self.device) for kind, ids in drawn.items()}
        patterns = induced(self.patterns, drawn)
        rows, labeled = self._wanted(train, teacher)
        graph = HeteroGraph(
            {kind: x.index_select(0, nodes[kind]) for kind, x in self.features.items()},
            {kind: len(ids) for kind, ids in drawn.items()},
            patterns,
            self.target,
            {kind: ids for kind, ids in nodes.items() if kind not in self.features},
            rows,
        )
        return self._step(graph, own, patterns, rows, labeled, teacher, generator)

    def _wanted(self, train: Tensor, teacher: Signals | None) -> tuple[Tensor | None, Tensor | None]:
        """The rows whose outputs are wanted, and which of these carry labels; None for all."""
        return (None, train) if teacher is not None and self.distill_all else (train, None)

    def _step(
        self,
        graph: HeteroGraph,
        nodes: Tensor | None,
        patterns: Patterns,
        rows: Tensor | None,
        labeled: Tensor | None,
        teacher: Signals | None,
        generator: torch.Generator,
    ) -> Step:
        """A step on a graph whose target type holds these nodes (None for all); every output row is distilled.

        Args:
            nodes, rows, labeled: on the host.
        """
        if rows is not None:
            nodes = rows if nodes is None else nodes[rows]
        visible = self.visible if nodes is None else self.visible[nodes]
        seen = moved(visible if labeled is None else visible[labeled], self.device)
        labeled = None if labeled is None else moved(labeled, self.device)
        if teacher is None:
            return Step(graph, labeled, seen)
        known = teacher if nodes is None else teacher.at(moved(nodes, teacher.logits.device))
        constant = not self.sampled or (self.target, self.target) not in map(ends, self.patterns)
        among, objective = self._among(patterns, rows), self.task.objective
        batch = Batch(moved(visible, self.device), among, generator, objective, constant=constant)
        batch.find_ids = lambda: moved(torch.arange(len(self.visible)) if nodes is None else nodes, self.device)
        return Step(graph, labeled, seen, known.to(self.device).float(), batch)

    def _among(self, patterns: Patterns, rows: Tensor | None) -> Tensor:
        """[2, E] edges among the rows, over the relations from the target type to itself."""
        found = [matrix for name, matrix in patterns.items() if ends(name) == (self.target, self.target)]
        if rows is not None:
            chosen = rows.numpy()
            found = [matrix[chosen][:, chosen] for matrix in found]
        edges = [np.stack([m.indices, np.repeat(np.arange(m.shape[0]), np.diff(m.indptr))]) for m in found]
        if len(edges) > 1:
            edges = [np.unique(np.concatenate(edges, axis=1), axis=1)]
        edge_index = edges[0].astype(np.int64) if edges else np.zeros((2, 0), np.int64)
        return moved(torch.from_numpy(edge_index), self.device)

    def units(self, part: str) -> tuple[Tensor, Tensor]:
        """Rows of `predict` for all nodes that belong to a part of the split, and their labels."""
        return self.answers[part]

    def predict(self, model: Model, part: str | None = None) -> Tensor:
        """[k, C] logits of a part of the split, or of all nodes of the target type, dropout off."""
        if part is None:
            return self.knowledge(model).logits
        if part not in self.answering:
            self.answering[part] = self.graph.at(self.split[part], self.patterns)
        return model.infer(self.answering[part]).logits

    @property
    def taught(self) -> Tensor:
        """[D] ids of the nodes that carry distillation terms."""
        return torch.arange(len(self.visible)) if self.distill_all else self.split["train"].sort().values

    def knowledge(self, model: Model, change: Change | None = None) -> Signals:
        """The signals of all nodes of the target type, dropout off."""
        graph = self.graph.with_features([change(x) for x in self.graph.real_features]) if change else self.graph
        return model.infer(graph)

    def forget(self) -> None:
        """Nothing that depends on the features is kept between two predictions."""
