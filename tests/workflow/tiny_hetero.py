"""A heterogeneous task that trains in milliseconds, and networks for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from workflow.catalog import Facts
from workflow.datasets.parts.csr import both_ways, relation, symmetric_csr
from workflow.models.hetero import HeteroGraph
from workflow.models.model import Model, create
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.feeds.heterogeneous import HeteroFeed
from workflow.training.seeds import Streams

CPU = torch.device("cpu")
COUNTS = {"paper": 60, "author": 25, "topic": 9}
RELATIONS = [
    "author/rev_by/paper",
    "paper/about/topic",
    "paper/by/author",
    "paper/cites/paper",
    "topic/rev_about/paper",
]
INFO = {"target": "paper", "counts": COUNTS, "features": {"paper": 5}, "relations": RELATIONS}
FACTS = Facts("heterogeneous", "multiclass", "accuracy", 3, 5, "Tiny", INFO, embedded=True)
FULL = TrainingSettings(epochs=6, walk_length=2)
SAINT = FULL.changed(TrainingSettings(sampler="saint", roots=12, steps_per_epoch=3))
SPEC = {"model": "rgcn", "layers": 2, "width": 8, "embedding": 6}
DEEP = {"model": "rgcn", "layers": 3, "width": 12, "embedding": 6}


def saint_with(**changes: Any) -> TrainingSettings:
    """SAINT with changes."""
    return SAINT.changed(TrainingSettings(**changes))


def make_task() -> Task:
    """Three classes that features, citations and topics tell, not perfectly."""
    random = np.random.default_rng(0)
    papers, authors, topics = COUNTS.values()
    labels = random.integers(0, 3, papers)
    about = np.stack([np.repeat(np.arange(papers), 2), random.integers(0, 3, 2 * papers) * 3 + np.repeat(labels, 2)])
    by = np.stack([random.integers(0, papers, 70), random.integers(0, authors - 1, 70)])  # the last author has no paper
    source, target = random.integers(0, papers, (2, 4 * papers))
    kept = (labels[source] == labels[target]) | (random.random(4 * papers) < 0.3)
    parts = np.split(random.permutation(papers), [30, 45])
    arrays = {
        "labels": labels,
        "features/paper": (random.normal(size=(papers, 5)) + np.eye(3, 5)[labels]).astype(np.float32),
        **relation("paper/cites/paper", symmetric_csr(source[kept], target[kept], papers)),
        **both_ways("paper", "about", "topic", about, (papers, topics)),
        **both_ways("paper", "by", "author", by, (papers, authors)),
        **{f"split/{p}": np.sort(ids) for p, ids in zip(("train", "valid", "test"), parts, strict=True)},
    }
    return Task("tiny-het", "heterogeneous", "multiclass", "accuracy", 3, arrays, INFO).finish()


def feed_of(task: Task, training: TrainingSettings, distill_on: str = "all") -> HeteroFeed:
    feed = choose.create(task, CPU, distill_on, training)
    assert isinstance(feed, HeteroFeed)
    return feed


def network(spec: dict = SPEC, seed: int = 0) -> Model:
    with Streams(seed, "student", CPU).globally("network"):
        return create(spec, FACTS)


def doubled(task: Task, **changes) -> HeteroGraph:
    """The whole graph in float64."""
    feed = feed_of(task, FULL)
    return HeteroGraph({"paper": feed.features["paper"].double()}, COUNTS, feed.patterns, "paper", **changes)
