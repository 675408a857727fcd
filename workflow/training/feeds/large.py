"""A graph that stays in its files, and a network's exact answers on it: layer by layer, some nodes at a time.

Memory grows by the nodes of a block and their in-neighbours; whole layers lie in scratch files where they are large.
"""

from __future__ import annotations

import copy
import mmap
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from methods.contract import Signals
from workflow import scratch
from workflow.models.blocks import BlockGraph
from workflow.models.graph import Graph
from workflow.models.model import Model
from workflow.models.propagation import average
from workflow.models.sampled import SampledGraph
from workflow.moving import moved
from workflow.task import Task
from workflow.training.feeds import labels
from workflow.training.feeds.gathered import halved
from workflow.training.feeds.sampling import ALL, Neighbours, Sample
from workflow.training.feeds.step import NO_DROPOUT, Change

EDGES_AT_ONCE = 2**20
"""Edges into a block's nodes, but for a single node that has more."""
ROWS_AT_ONCE = 2**14
"""Nodes of a block."""
HOST = torch.device("cpu")


def mapped(array: np.ndarray) -> Tensor:
    """An array as a tensor without a copy; of a mapped file, pages are read when they are touched."""
    # All of a file: a part does not know where in it it begins.
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap):
        # Private to the process, so that torch may have it writable; nothing is written.
        name, offset = str(array.filename), array.offset
        array = np.memmap(name, dtype=array.dtype, mode="c", offset=offset, shape=array.shape)
    return torch.from_numpy(array if array.flags.writeable else np.array(array))


class LargeGraph:
    """One task's graph, or that without some nodes.

    Args:
        train: ids of the nodes whose labels a network may see.
        powers: how often propagated features are constants that the network reads.
    """

    def __init__(self, task: Task, device: torch.device, train: np.ndarray, powers: int) -> None:
        self.device = device
        self.features = mapped(task.arrays["features"])
        self.labels = task.labels
        self.train = train
        self.powers = powers
        self.edges: tuple[np.ndarray, np.ndarray] = task.arrays["pointers"], task.arrays["sources"]
        self._out_pointers = self.edges[0] if task.info["symmetric"] else task.arrays["transpose/pointers"]
        self.nodes = len(self.labels)
        self.neighbours = Neighbours(*self.edges)
        self._propagated: list[Tensor] = []

    def without(self, nodes: np.ndarray) -> LargeGraph:
        """The graph without the edges from and to some nodes, which keep their numbers."""
        gone = np.zeros(self.nodes, bool)
        gone[nodes] = True
        pointers, sources = self.edges
        left = scratch.empty((len(sources),), torch.int32).numpy()
        into, out = np.zeros((2, self.nodes + 1), np.int64)
        total = 0
        for block in self._blocks(None):
            begins = pointers[block[0] : block[-1] + 2]
            found, targets = sources[begins[0] : begins[-1]], np.repeat(block, np.diff(begins))
            inside = ~(gone[found] | gone[targets])
            kept = found[inside]
            left[total : total + len(kept)] = kept
            into[block + 1] = np.bincount(targets[inside] - block[0], minlength=len(block))
            np.add.at(out, kept + 1, 1)
            total += len(kept)
        view = copy.copy(self)
        view.edges = (np.cumsum(into), left[:total])
        view._out_pointers = np.cumsum(out)
        view.neighbours = Neighbours(*view.edges)
        view._propagated = []
        return view

    def changed(self, change: Change) -> LargeGraph:
        """The graph with other features, which lie in memory."""
        view = copy.copy(self)
        view.features = change(self.features)
        view._propagated = []
        return view

    def visible(self, nodes: np.ndarray) -> Tensor:
        """Labels of nodes [m], hidden outside the training split."""
        return labels.visible(torch.from_numpy(self.labels[nodes]), torch.from_numpy(self.trains(nodes)))

    def trains(self, nodes: np.ndarray) -> np.ndarray:
        """[m] whether each node is one of the training split."""
        place = np.searchsorted(self.train, nodes).clip(max=len(self.train) - 1)
        found: np.ndarray = self.train[place] == nodes
        return found

    def _classes(self, nodes: np.ndarray) -> Tensor | None:
        """The same on the device, as a network may see them: no network reads other labels than classes."""
        return moved(self.visible(nodes), self.device) if self.labels.ndim == 1 else None

    def graph(self, sample: Sample, wanted: int, x: Tensor | None = None) -> SampledGraph:
        """A drawn graph on the device.

        Args:
            wanted: the hops whose outputs are wanted.
            x: [n, d] values of all nodes in place of their features.
        """
        nodes = mapped(sample.nodes)
        constants = {}
        if x is None and self.powers:
            constants = {("hop", k): self._rows(power, nodes) for k, power in enumerate(self.propagated(), 1)}
        return SampledGraph(
            self._rows(self.features if x is None else x, nodes),
            sample.pointers,
            sample.sources,
            sample.ends,
            wanted,
            self._classes(sample.nodes),
            (self._degrees(self.edges[0], sample.nodes), self._degrees(self._out_pointers, sample.nodes)),
            constants,
        )

    def _rows(self, x: Tensor, nodes: Tensor) -> Tensor:
        return moved(x.index_select(0, nodes), self.device).float()

    def _degrees(self, pointers: np.ndarray, nodes: np.ndarray) -> Tensor:
        return moved(torch.from_numpy(pointers[nodes + 1].astype(np.int64) - pointers[nodes]), self.device)

    def logits(self, model: Model, nodes: np.ndarray | None = None) -> Tensor:
        """[k, C] logits of some nodes, or of all, on the host."""
        found = self._answer(model, nodes, with_hidden=False).logits
        return found if nodes is None else found[mapped(nodes)]

    def signals(self, model: Model, nodes: np.ndarray | None = None) -> Signals:
        """[n, ...] signals on the host, hidden states in float16; of some nodes, if so, and nothing in other rows."""
        return self._answer(model, nodes, with_hidden=True)

    @torch.no_grad()
    def _answer(self, model: Model, nodes: np.ndarray | None, with_hidden: bool) -> Signals:
        """[n, ...] signals, of which only the rows of the wanted nodes are filled in."""
        if model.reach == 0:
            return self._row_by_row(model, nodes, with_hidden)
        if model.pieces == 0:
            return self._at_once(model, with_hidden)
        return self._layer_by_layer(model, nodes, with_hidden)

    def _row_by_row(self, model: Model, nodes: np.ndarray | None, with_hidden: bool) -> Signals:
        logits, hidden = self._room(model.shape.out), self._halves(model, with_hidden)
        for block in self._blocks(nodes):
            answer = model(self.graph(alone(block), 0), NO_DROPOUT)
            rows = mapped(block)
            logits[rows] = answer.logits.to(HOST)
            for kept, layer in zip(hidden, answer.hidden, strict=False):
                kept[rows] = halved(layer).to(HOST)
        return Signals(logits, hidden)

    def _at_once(self, model: Model, with_hidden: bool) -> Signals:
        """Of a network that cannot be taken in pieces."""
        pointers, sources = (moved(mapped(part), self.device) for part in self.edges)
        # The transpose is not asked for without gradients, so that a directed graph may say it is its own.
        classes = self._classes(np.arange(self.nodes))
        answer = model(Graph(moved(self.features, self.device), pointers, sources, None, classes), NO_DROPOUT)
        hidden = [halved(layer).to(HOST) for layer in answer.hidden] if with_hidden else []
        return Signals(answer.logits.to(HOST), tuple(hidden))

    def _layer_by_layer(self, model: Model, nodes: np.ndarray | None, with_hidden: bool) -> Signals:
        hidden = self._halves(model, with_hidden)
        x = first = self.features
        for index, wanted in enumerate(self._needed(model, nodes)):
            out = self._room(model.shape.layers[index])
            for block in self._blocks(wanted):
                rows = mapped(block)
                out[rows] = self._of_layer(model, index, block, x, first).to(HOST)
                if index < len(hidden):
                    hidden[index][rows] = halved(out[rows])
            x = out
            if index == 0 and model.reads_first:
                first = out
        return Signals(x, hidden)

    def _of_layer(self, model: Model, index: int, block: np.ndarray, x: Tensor, first: Tensor) -> Tensor:
        """[k, d] outputs of one layer on some nodes.

        Args:
            x: [n, e] outputs of the layer before on all nodes it reads, or the features; first: those of layer 0.
        """
        propagates = model.propagates(index)
        if model.sums and propagates and self.device.type == "cpu" and x.dtype == torch.float32:
            around = BlockGraph(x, block, *self.neighbours.into(block), self.neighbours.degrees)
            return model.layer(index, x, x, around, NO_DROPOUT)
        sample = self.neighbours.sample(block, [ALL]) if propagates else alone(block)
        graph = self.graph(sample, 0, x)
        start = self._rows(first, mapped(sample.nodes)) if index and model.reads_first else graph.x
        return model.layer(index, graph.x, start, graph, NO_DROPOUT)

    def _needed(self, model: Model, nodes: np.ndarray | None) -> list[np.ndarray | None]:
        """The nodes of whose outputs each layer's are made, the first layer's first; None for all."""
        needed = [nodes]
        for index in range(model.pieces - 1, 0, -1):
            last = needed[-1]
            if last is not None and model.propagates(index):
                seen = np.zeros(self.nodes, bool)
                for block in self._blocks(last):
                    seen[self.neighbours.sample(block, [ALL]).nodes] = True
                last = None if seen.all() else np.flatnonzero(seen)
            needed.append(last)
        return needed[::-1]

    def _blocks(self, nodes: np.ndarray | None) -> Iterator[np.ndarray]:
        """Some nodes, or all, in parts that few edges lead into."""
        if nodes is None:
            nodes = np.arange(self.nodes)
        edges = np.cumsum(self.neighbours.degrees(nodes))
        start = 0
        while start < len(nodes):
            before = edges[start - 1] if start else 0
            stop = int(np.searchsorted(edges, before + EDGES_AT_ONCE, "right"))
            stop = min(max(stop, start + 1), start + ROWS_AT_ONCE)
            yield nodes[start:stop]
            start = stop

    def _room(self, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return scratch.empty((self.nodes, width), dtype)

    def _halves(self, model: Model, with_hidden: bool) -> tuple[Tensor, ...]:
        return tuple(self._room(width, torch.float16) for width in model.shape.hidden) if with_hidden else ()

    @torch.no_grad()
    def propagated(self) -> list[Tensor]:
        """P X, P^2 X, ...: [n, f] each (`average`), on the host, computed when they are first asked for."""
        while len(self._propagated) < self.powers:
            x = self._propagated[-1] if self._propagated else self.features
            out = self._room(x.shape[1])
            for block in self._blocks(None):
                graph = self.graph(self.neighbours.sample(block, [ALL]), 0, x)
                out[mapped(block)] = average(graph, graph.x).to(HOST)
            self._propagated.append(out)
        return self._propagated

    def forget(self) -> None:
        """Drops the propagated features."""
        self._propagated = []


def alone(nodes: np.ndarray) -> Sample:
    """Nodes without a neighbour."""
    return Sample(nodes, np.zeros(len(nodes) + 1, np.int64), np.empty(0, np.int64), (len(nodes),))
