"""Trainings of a tiny task of every kind, as one process after another would run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

import methods
from methods.contract import Signals
from methods.rehearsal import begun
from tests.conftest import TINY, make_tiny_task
from tests.workflow import tiny_hetero, tiny_molecules, tiny_targets
from tests.workflow.training.conftest import CPU
from tests.workflow.training.feeds.tiny_graphs import make_knowledge
from workflow.catalog import Facts
from workflow.models.model import create
from workflow.specs import Network, TrainingSettings
from workflow.task import Task
from workflow.training.checkpoint import Checkpoint
from workflow.training.feeds import choose
from workflow.training.feeds.step import Feed, Needs
from workflow.training.loop import fit
from workflow.training.seeds import Streams


def of_nodes(task: Task) -> Signals:
    generator = torch.Generator().manual_seed(5)
    hidden = tuple(torch.randn(60, width, generator=generator) for width in (12, 10))
    return Signals(torch.randn(60, 3, generator=generator), hidden)


@dataclass
class Training:
    """A training of a kind of task; a method of None is a teacher's."""

    kind: str
    method: str | None = "kd"
    network: Network = field(default_factory=dict)
    changes: TrainingSettings = field(default_factory=TrainingSettings)
    device: torch.device = CPU

    @property
    def settings(self) -> TrainingSettings:
        return ALL[self.kind].settings.changed(TrainingSettings(epochs=5), self.changes)

    def feed(self) -> Feed:
        needs = Needs(edges=methods.uses_edges(self.method) if self.method else False)
        return choose.create(ALL[self.kind].task(), self.device, "all", self.settings, needs)

    def run(
        self,
        feed: Feed | None = None,
        seed: int = 0,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[int, float], None] = lambda epoch, score: None,
        hyperparameters: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """All that a training leaves: outcome, weights, and where its streams stand."""
        feed, kind, streams = feed or self.feed(), ALL[self.kind], Streams(seed, "student", self.device)
        with streams.globally("network"):
            model = create(self.network or kind.network, kind.facts).to(self.device)
        method = knowledge = None
        if self.method:
            knowledge = kind.knowledge(feed.task)
            options = {"max_samples": 8} if self.method == "gcrd" else hyperparameters
            with streams.globally("heads"):
                made = methods.create(self.method, teacher=knowledge.shape, student=model.shape, **options)
                method = begun(made, feed.taught, len(knowledge.hidden[0])).to(self.device)
        outcome = fit(model, feed, streams, self.settings, method, knowledge, progress, checkpoint)
        heads = method.state_dict() if method else {}
        return {"outcome": outcome, "model": model.state_dict(), "heads": heads, "streams": streams.state()}


@dataclass
class Kind:
    task: Callable[[], Task]
    facts: Facts
    network: Network
    settings: TrainingSettings
    knowledge: Callable[[Task], Signals] = of_nodes


KINDS = {
    "node": Kind(make_tiny_task, TINY, {"model": "gcn", "layers": 3, "width": 6, "dropout": 0.3}, TrainingSettings()),
    "neighbour": Kind(
        make_tiny_task,
        TINY,
        {"model": "sage", "layers": 3, "width": 6, "dropout": 0.3},
        TrainingSettings(sampler="neighbour", batch_size=12, fan_out=[4, 3]),
    ),
    "graph": Kind(
        tiny_molecules.make_task,
        tiny_molecules.FACTS,
        {"model": "gine", "layers": 2, "width": 8, "dropout": 0.3},
        TrainingSettings(batch_size=8),
        make_knowledge,
    ),
    "full": Kind(tiny_hetero.make_task, tiny_hetero.FACTS, {**tiny_hetero.SPEC, "dropout": 0.3}, tiny_hetero.FULL),
    "saint": Kind(tiny_hetero.make_task, tiny_hetero.FACTS, {**tiny_hetero.SPEC, "dropout": 0.3}, tiny_hetero.SAINT),
}


def _with_targets(kind: str, objective: str) -> Kind:
    known = KINDS[kind]
    make = tiny_targets.make_hetero_task if known.facts.kind == "heterogeneous" else tiny_targets.make_task
    return replace(known, task=partial(make, objective), facts=tiny_targets.facts(objective, known.facts))


TARGETS = {
    "node, binary": _with_targets("node", "binary"),
    "neighbour, regression": _with_targets("neighbour", "regression"),
    "saint, binary": _with_targets("saint", "binary"),
}
"""Node tasks with other labels than classes."""
ALL = {**KINDS, **TARGETS}


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Bit for bit, but for the seconds."""
    ours, theirs = (vars(run["outcome"]) for run in (found, expected))
    for name in ("status", "reason", "best_epoch", "epochs", "scores", "curve", "terms"):
        assert ours[name] == theirs[name], name
    assert [epoch for epoch, _ in ours["trace"]] == [epoch for epoch, _ in theirs["trace"]]
    for name, (one, other) in {
        "trace": ([values for _, values in ours["trace"]], [values for _, values in theirs["trace"]]),
        **{name: (found[name], expected[name]) for name in ("model", "heads")},
        "torch streams": (states(found), states(expected)),
    }.items():
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True, msg=lambda m, name=name: f"{name}: {m}")
    assert found["streams"]["numpy"] == expected["streams"]["numpy"]


def states(run: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {name: state for name, (_, state) in run["streams"]["torch"].items()}
