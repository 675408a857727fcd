"""One sampled training step of an R-GCN on a piece of a graph of ogbn-mag's shape, ours against PyG's RGCNConv."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from methods.contract import UNLABELED
from methods.vocabulary import Objective
from tests.benchmarks import data, process, trainings
from tests.benchmarks.settings import Settings
from tests.benchmarks.speed.plain import PlainRGCN
from tests.benchmarks.tables import Row, Table, judge, say, spread
from tests.workflow.datasets.ogb_layout import MAG
from workflow.datasets.parts.csr import expand
from workflow.models.hetero import Patterns, ends
from workflow.models.model import Dropout, create
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training import loop, optimizers
from workflow.training.feeds.heterogeneous import HeteroFeed
from workflow.training.feeds.saint import RandomWalks, induced
from workflow.training.seeds import Streams

SHARE = 0.1
"""Of ogbn-mag's nodes, edges and walks."""
NETWORKS = [(2, 32), (3, 512)]
STEPS_PER_REPEAT = 3
WANTED = ">= 3"
DROPOUT = 0.5

ABOUT = (
    "One training step of an R-GCN on a graph sampled by GraphSAINT's random walks, from a generated graph with a "
    "tenth of ogbn-mag's nodes, edges and walks: the project's step against PyG's RGCNConv, which loops over the "
    "relations, on the same sampled nodes, with the same mathematics (mean over each relation, a root map for each "
    "node type) and sparse embedding gradients on both sides. `given sample`: from the nodes and edges drawn to the "
    "optimizer's step; `with sampling`: drawing them too, by the project's sampler on both sides, since PyG's own "
    "needs a compiled extension. Seconds are medians of a step; ratio is the plain step's time over ours."
)


@dataclass
class Sides:
    """Two trainings on the same samples.

    Args:
        width: of the hidden layers.
        roots: walks of a sample.
        dropout: of both networks.
        device: of both.
    """

    task: Task
    layers: int
    width: int
    roots: int
    dropout: float = DROPOUT
    device: torch.device = trainings.CPU

    def __post_init__(self) -> None:
        training = TrainingSettings(sampler="saint", roots=self.roots, walk_length=self.layers, steps_per_epoch=10**9)
        facts = data.facts_of(self.task)
        self.feed = HeteroFeed(self.task, self.device, "train", training)
        spec = {"model": "rgcn", "layers": self.layers, "width": self.width, "dropout": self.dropout}
        self.model = create(spec, facts).to(self.device)
        self.streams = Streams(0, "student", self.device)
        optimizer = optimizers.create(list(self.model.parameters()), training)
        self.run = loop._Run(self.model, None, optimizer, self.streams)
        self.masks = Dropout(self.streams.generator("dropout"))
        self.steps = itertools.chain.from_iterable(self.feed.steps(self.streams))
        self._make_plain()

    def _make_plain(self) -> None:
        info = self.task.info
        self.counts: dict[str, int] = {kind: info["counts"][kind] for kind in sorted(info["counts"])}
        self.relations: list[str] = sorted(info["relations"])
        columns = next(iter(info["features"].values()))
        widths = [columns, *[self.width] * (self.layers - 1), self.task.outputs]
        self.plain = PlainRGCN(self.counts, info["features"], len(self.relations), widths, self.dropout)
        self.plain.to(self.device)
        tables = list(self.plain.tables.parameters())
        rest = [p for name, p in self.plain.named_parameters() if not name.startswith("tables")]
        self.plain_optimizers = [torch.optim.Adam(rest, lr=0.01), torch.optim.SparseAdam(tables, lr=0.01)]
        # The same draws as the feed's own.
        self.walks = RandomWalks(self.feed.patterns, self.counts, self.roots, self.layers)
        self.random = np.random.default_rng(self.streams.number("batches"))

    def ours(self) -> float:
        """Draws a sample and trains on it; the loss."""
        step = next(self.steps)
        loop._epoch(self.run, 1, [step], self.masks, Objective.MULTICLASS)
        return self.run.losses.read().loss

    def draw(self) -> tuple[dict[str, np.ndarray], Patterns]:
        """The same sample as `ours` took in its turn: nodes and edges."""
        drawn = self.walks.sample(self.random)
        return drawn, induced(self.feed.patterns, drawn)

    def theirs(self, drawn: dict[str, np.ndarray], patterns: Patterns) -> float:
        """Trains PyG's network on a sample; the loss."""
        nodes = {kind: torch.from_numpy(drawn[kind]).to(self.device) for kind in self.counts}
        features = {k: x.index_select(0, nodes[k].to(x.device)).to(self.device) for k, x in self.feed.features.items()}
        edges, types = self._edges(drawn, patterns)
        first = sum(len(drawn[kind]) for kind in itertools.takewhile(lambda k: k != self.feed.target, self.counts))
        labels = self.feed.visible[torch.from_numpy(drawn[self.feed.target]).to(self.feed.visible.device)].to(
            self.device
        )
        train = (labels != UNLABELED).nonzero().flatten()
        self.plain.train()
        for optimizer in self.plain_optimizers:
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.plain(features, nodes, edges, types)[first + train], labels[train])
        loss.backward()
        for optimizer in self.plain_optimizers:
            optimizer.step()
        return loss.item()

    def _edges(self, drawn: dict[str, np.ndarray], patterns: Patterns) -> tuple[Tensor, Tensor]:
        """Edges and their relations, numbered over all sampled nodes."""
        firsts = dict(zip(self.counts, np.cumsum([0, *(len(drawn[k]) for k in self.counts)]), strict=False))
        edges, types = [], []
        for number, name in enumerate(self.relations):
            source, target = ends(name)
            sources, targets = patterns[name].indices, expand(patterns[name].indptr)
            edges.append(np.stack([sources + firsts[source], targets + firsts[target]]))
            types.append(np.full(len(sources), number))
        joined = torch.from_numpy(np.concatenate(edges, 1)), torch.from_numpy(np.concatenate(types))
        return joined[0].to(self.device), joined[1].to(self.device)


def table(settings: Settings) -> Table:
    share = settings.sized(10**6) / 10**6 * SHARE
    sizes: dict[str, Any] = MAG
    roots = max(16, round(TrainingSettings().roots * share))
    task = data.mag_sized(share)
    rows = []
    for layers, width in NETWORKS:
        for row in compare(Sides(task, layers, width, roots), settings.repeats * STEPS_PER_REPEAT):
            rows.append({"network": f"r-gcn {layers}x{width}", "of_mag": sum(task.info["counts"].values()), **row})
            rows[-1]["of_mag"] /= sum(sizes["counts"].values())
            rows[-1] = judge(rows[-1], ratio=WANTED)
            say("epochs", rows[-1])
    return Table(ABOUT, rows)


def compare(sides: Sides, steps: int) -> list[Row]:
    """The two rows of a network."""
    draws, ours, theirs = [], [], []
    nodes = edges = 0
    for step in range(steps + 1):
        started = process.now()
        drawn, patterns = sides.draw()
        between = process.now()
        sides.theirs(drawn, patterns)
        middle = process.now()
        sides.ours()
        ended = process.now()
        if step:
            draws.append(between - started)
            theirs.append(middle - between)
            ours.append(ended - middle)
            nodes += sum(map(len, drawn.values()))
            edges += sum(len(pattern.indices) for pattern in patterns.values())
    given = [whole - draw for whole, draw in zip(ours, draws, strict=True)]
    drawing = [rest + draw for rest, draw in zip(theirs, draws, strict=True)]
    size = {"nodes": nodes // steps, "edges": edges // steps}
    return [
        {
            "step": name,
            **size,
            "ours_s": float(np.median(mine)),
            "pyg_s": float(np.median(other)),
            **spread("ratio", trainings.ratios(other, mine)),
        }
        for name, mine, other in (("given sample", given, theirs), ("with sampling", ours, drawing))
    ]
