"""The task `tiny-molecules`, its feed, and made-up knowledge of a teacher."""

from __future__ import annotations

import torch

from methods.contract import Signals
from tests.workflow.tiny_molecules import GRAPHS
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.feeds.graph import GraphBatches

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(epochs=3, batch_size=8)


def make_feed(task: Task, distill_on: str = "train", **changes) -> GraphBatches:
    return choose.create(task, CPU, distill_on, SETTINGS.changed(TrainingSettings(**changes)))


def make_knowledge(task: Task, widths: tuple[int, ...] = (12, 12, 12)) -> Signals:
    generator = torch.Generator().manual_seed(5)
    nodes = int(task.arrays["node_pointers"][-1])
    hidden = tuple(torch.randn(nodes, width, generator=generator).half() for width in widths)
    return Signals(torch.randn(GRAPHS, 2, generator=generator), hidden)


def recognisable(task: Task) -> Signals:
    """Logits tell the graph, hidden rows tell node and layer."""
    nodes = torch.arange(float(task.arrays["node_pointers"][-1]))
    hidden = tuple(torch.stack([nodes, torch.full_like(nodes, layer)], 1).half() for layer in range(2))
    return Signals(torch.arange(float(GRAPHS))[:, None].expand(-1, 2), hidden)
