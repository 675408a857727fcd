"""What trainings in mini-batches take on a graph of some size, by short measurements on a smaller, made-up one.

A step takes some seconds whatever it sees, and some for each node that it sees; both are measured on batches of two
sizes. The terms of a method are measured on as many rows as a batch has. Exact answers take time in proportion to the
nodes. The made-up graph has as many edges a node; its features, labels and a teacher's knowledge are noise.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from statistics import median
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

import methods
from methods.contract import NotApplicableError, Shape, Signals
from methods.terms import given
from methods.vocabulary import Extra
from reports.printing import duration
from workflow import catalog, variants
from workflow.models import sizes
from workflow.models.model import Dropout, Model, create
from workflow.specs import CellSpec, Network, TeacherSpec, TrainingSettings
from workflow.stated import GraphSize
from workflow.steps import made_up
from workflow.steps.costs import Cost, Spec
from workflow.task import Task
from workflow.training import device as devices
from workflow.training import loop, optimizers
from workflow.training.extras import MAKERS, Taught
from workflow.training.feeds.neighbour import NeighbourBatches, few
from workflow.training.feeds.shares import shares
from workflow.training.feeds.step import Needs
from workflow.training.seeds import Streams
from workflow.training.teaching import kept, reads_all

Result = TypeVar("Result")

STEPS = 6
"""Of each of the two sizes; the first two are not counted."""
SEEN = 0.5
"""Share of the made-up graph that the larger batches see, at most: a step on more takes longer for each node."""
ROOTS = 50
"""Nodes around which neighbours are drawn to count them."""
TRAIN = 4096
"""Training nodes of the made-up graph, at most a quarter of all."""
NODE_BYTES = 40
"""Of memory for each node of a graph: numbers, degrees and places in a sample."""


@dataclass(frozen=True)
class Rates:
    """Seconds of one network.

    Attributes:
        step: of a step, whatever it sees; node: for each node that it sees.
        valid, end: for each node of the graph, of exact answers for the validation part, and of those at the end of a
            training (scores of all parts, calibration, and fidelity or knowledge).
        alone: nodes that a batch of one training node sees.
        base, seen: bytes of memory, and those for each node that a step sees.
    """

    step: float
    node: float
    valid: float
    end: float
    alone: float
    base: float
    seen: float


class Extrapolation:
    """Costs of the trainings on one graph.

    Args:
        size: of the graph.
        nodes: of the made-up graph; the graph's own where that has fewer.
        device, threads: as in the configuration.
    """

    def __init__(self, dataset: str, size: GraphSize, nodes: int, device: str, threads: int) -> None:
        self.size = size
        self.inductive = variants.parse(dataset)[1].inductive
        self.device = devices.choose(device, threads)
        self.clock = time.process_time if self.device.type == "cpu" and threads == 1 else time.perf_counter
        nodes = min(nodes, size.nodes)
        self.small = size.shrunk(nodes, min(TRAIN, nodes // 4))
        self.facts = replace(catalog.facts(dataset), outputs=size.classes, features=size.features)
        self.prepared = 0.0
        """Seconds to sort, check and write the task."""
        self.notes: list[str] = []
        self._rates: dict[str, Rates] = {}
        self._whole: set[str] = set()
        self._known: dict[Shape, Signals] = {}

    @cached_property
    def task(self) -> Task:
        """The made-up task."""
        random = np.random.default_rng(0)
        arrays, edges = made_up.nodes(self.small, random), made_up.edges(self.small, random)
        started = self._now()
        task = made_up.prepared(self.small, self.facts, arrays, edges)
        self.prepared = (self._now() - started) / self.small.nodes * self.size.nodes
        return task

    def __call__(self, spec: Spec) -> Cost:
        """The cost of one training. Adds to the notes where rates are new."""
        size, training = self.size, spec.training
        name = spec.teacher if isinstance(spec, TeacherSpec) else spec.student
        if new := (key := _key(spec)) not in self._rates:
            print(f"measuring {name} on {self.small.nodes:,} nodes", file=sys.stderr, flush=True)
            self._rates[key] = self._measured(spec.model, training)
        rates = self._rates[key]
        others = 0
        if isinstance(spec, CellSpec) and spec.distill_on == "all":
            others = size.nodes - size.train - (size.test if self.inductive else 0)
        cut = shares(size.train, others, training.batch_size)
        seen = self._seen(rates, cut.units)
        plain = rates.step + rates.node * seen
        passes, terms = 1, 0.0
        if isinstance(spec, CellSpec):
            terms = self._terms(spec, cut.units)
            passes += methods.labels_apart(spec.method_id) + methods.uses_edges(spec.method_id)
        valid = rates.valid * size.nodes
        network = sizes.measure(spec.model, self.facts)
        disk = 4 * network.params + self._knowledge(spec)
        own = rates.base + rates.seen * seen + NODE_BYTES * size.nodes
        if new:
            self.notes.append(
                f"{name}: a step takes {rates.step * 1e3:.1f} ms and {rates.node * 1e6:.2f} us a node seen, of which "
                f"{rates.alone:.0f} are around one training node and {seen:,.0f} in a batch; exact answers take "
                f"{rates.valid * 1e6:.1f} us a node for validation and {rates.end * 1e6:.1f} us at the end. So: "
                f"{cut.steps:,} steps of {plain:.2f} s an epoch, {duration(valid)} an evaluation, {disk / 1e9:.2f} GB, "
                f"{own / 2**30:.1f} GiB"
            )
        epoch = cut.steps * (passes * plain + terms) + valid / training.evaluate_every
        return Cost(rates.end * size.nodes, epoch, disk, own / 2**20)

    def _knowledge(self, spec: Spec) -> int:
        """Bytes of what a teacher's file holds; of all rows for the first of the students that have them made."""
        size = self.size
        teacher = sizes.measure(spec.model if isinstance(spec, TeacherSpec) else spec.teacher_model, self.facts).shape
        row = 4 * teacher.out + 2 * sum(teacher.hidden)
        rows = size.train + (0 if self.inductive else size.test)
        part = few(rows, size.nodes)
        if isinstance(spec, TeacherSpec):
            return row * (rows if part else size.nodes)
        first = part and reads_all(spec) and spec.taught_by not in self._whole
        self._whole |= {spec.taught_by} if first else set()
        return row * size.nodes if first else 0

    def told(self) -> list[str]:
        """What the costs rest on, line by line."""
        size, small = self.size, self.small
        clock = "seconds of one core" if self.clock is time.process_time else "seconds of the clock"
        outputs = f"{size.classes} {'targets' if size.targets else 'classes'}"
        return [
            f"{size.nodes:,} nodes, {size.edges:,} edges, {size.features} features, {outputs}, "
            f"{size.train:,} + {size.valid:,} + {size.test:,} labels ({size.source})",
            f"rates measured now in {clock} on a made-up graph of {small.nodes:,} nodes and {small.edges:,} edges; "
            "on a larger one a node takes up to three times as long, as caches hold less and layers lie in files:",
            *self.notes,
            f"data: {size.disk / 1e9:.1f} GB prepared; to sort, check and write them {duration(self.prepared)}, in "
            "proportion to the made-up graph's; to read the raw files comes on top",
        ]

    def _seen(self, rates: Rates, roots: float) -> float:
        """Nodes that so many roots see, if what each of them sees is anywhere."""
        return -self.size.nodes * math.expm1(roots * math.log1p(-min(rates.alone / self.size.nodes, 0.999)))

    def _measured(self, network: Network, training: TrainingSettings) -> Rates:
        streams = Streams(0, "student", self.device)
        with streams.globally("network"):
            model = create(network, self.facts).to(self.device)
        needs = Needs(model.reach, model.powers)
        feed = self._feed(training, needs)
        alone = self._alone(feed)
        large = max(min(SEEN * self.small.nodes / alone, self.small.train / STEPS), 8.0)
        points = []
        for roots in (large / 4, large):
            feed = self._feed(training.changed(TrainingSettings(batch_size=max(round(roots), 2))), needs)
            before, found = self._peak(partial(self._steps, model, feed, training, streams))
            points.append((*found, before))
        (fewer, short, low), (many, long, high) = points
        more = max(many - fewer, 1.0)
        node, seen = max((long - short) / more, 0.0), max((high - low) / more, 0.0)
        model.eval()
        # Blocks of an exact answer are as large as on any graph.
        base, valid = self._peak(lambda: self._timed(lambda: loop.score(model, feed, "valid")))
        most, end = self._peak(lambda: self._timed(lambda: _ended(model, feed)))
        base, valid, end = max(base, most), valid / self.small.nodes, end / self.small.nodes
        return Rates(max(short - fewer * node, 0.0), node, valid, end, alone, base, seen)

    def _steps(
        self, model: Model, feed: NeighbourBatches, training: TrainingSettings, streams: Streams
    ) -> tuple[float, float]:
        """Nodes that a step sees, and its seconds."""
        dropout, optimizer = Dropout(streams.generator("dropout")), optimizers.create([*model.parameters()], training)
        model.train()
        seen, times = [], []
        started = self._now()
        for step in islice(next(feed.steps(streams)), STEPS):
            loss = loop.supervised_loss(model(step.inputs, dropout).logits, step.labels, feed.task.objective)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ended = self._now()
            seen.append(step.inputs.nodes)
            times.append(ended - started)
            started = ended
        return median(seen[2:] or seen), median(times[2:] or times)

    def _terms(self, spec: CellSpec, rows: float) -> float:
        """Seconds of a method's terms in a step, on as many roots as there are in a batch, or in proportion to them."""
        training, streams = spec.training, Streams(0, "student", self.device)
        shapes = [sizes.measure(network, self.facts).shape for network in (spec.teacher_model, spec.model)]
        if methods.skip(spec.method_id, self.task, *shapes):
            return 0.0
        feed = self._feed(training, Needs(0, 0, methods.uses_edges(spec.method_id)), spec.distill_on)
        if shapes[0] not in self._known:
            self._known[shapes[0]] = made_up.signals(self.small.nodes, shapes[0], torch.float16)
        known = self._known[shapes[0]]
        try:
            with streams.globally("heads"):
                method = methods.create(spec.method_id, teacher=shapes[0], student=shapes[1], **spec.hyperparameters)
                method.begin(feed.taught, self._extras(spec, feed, known))
            method.to(self.device).train()
            step = next(iter(next(feed.steps(streams, known))))
            teacher, batch, wider = step.teacher, step.batch, step.wider
            assert teacher is not None and batch is not None
            mine = made_up.answers(batch, shapes[1], training, self.device)
            if wider:
                more = made_up.answers(wider.batch, shapes[1], training, self.device), wider.teacher, wider.batch
                batch.around = lambda: more

            def terms() -> None:
                found = given(method, mine, teacher, batch)
                if found:
                    sum(found.values(), start=mine.logits.sum() * 0).backward()

            terms()
            seconds = self._timed(terms)
        except NotApplicableError:
            return 0.0
        return seconds * rows / shares(len(feed.train), len(feed.rest), training.batch_size).units

    def _extras(self, spec: CellSpec, feed: NeighbourBatches, known: Signals) -> dict[Extra, Tensor]:
        def network(seed: int) -> Model:
            return create(spec.teacher_model, self.facts).to(self.device)

        taught = Taught(feed.task, lambda: feed, 0, None, known, network)
        return {name: MAKERS[name](taught).cpu() for name in methods.teacher_extras(spec.method_id)}

    def _feed(self, training: TrainingSettings, needs: Needs, distill_on: str = "train") -> NeighbourBatches:
        return NeighbourBatches(self.task, self.device, distill_on, training, needs)

    def _alone(self, feed: NeighbourBatches) -> float:
        random = np.random.default_rng(0)
        roots = feed.train[:ROOTS]
        drawn = (feed.seen.neighbours.sample(roots[i : i + 1], feed.fan_out, random) for i in range(len(roots)))
        return float(np.mean([len(sample.nodes) for sample in drawn]))

    def _timed(self, call: Callable[[], object]) -> float:
        started = self._now()
        call()
        return self._now() - started

    def _peak(self, call: Callable[[], Result]) -> tuple[float, Result]:
        """Bytes at the peak, and what the call gives."""
        devices.reset_peak_memory(self.device)
        found = call()
        return devices.peak_memory_mb(self.device) * 2**20, found

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.clock()


def _key(spec: Spec) -> str:
    """Trainings of one key have one network and draw alike."""
    training = spec.training
    return json.dumps([spec.model, training.fan_out, training.batch_size, training.optimizer], sort_keys=True)


def _ended(model: Model, feed: NeighbourBatches) -> None:
    """What is answered for after the last epoch."""
    loop.evaluate(model, feed)
    feed.predict(model, "test")
    kept(feed, model)
