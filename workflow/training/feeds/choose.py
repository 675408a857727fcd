"""The feed of a task's kind."""

from __future__ import annotations

from collections.abc import Callable

import torch

from methods.vocabulary import Kind
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds.graph import GraphBatches
from workflow.training.feeds.heterogeneous import HeteroFeed
from workflow.training.feeds.node import FullGraph
from workflow.training.feeds.step import Feed

FEEDS: dict[str, Callable[..., Feed]] = {Kind.NODE: FullGraph, Kind.HETEROGENEOUS: HeteroFeed, Kind.GRAPH: GraphBatches}


def create(task: Task, device: torch.device, distill_on: str, training: TrainingSettings | None = None) -> Feed:
    """The feed of a task's kind.

    Args:
        training: the `training` settings of a configuration; None for the defaults. `walk_length` must be resolved.
    """
    return FEEDS[task.kind](task, device, distill_on, training or TrainingSettings())
