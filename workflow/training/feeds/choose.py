"""The feed of a task's kind."""

from __future__ import annotations

import torch

from methods.vocabulary import Kind
from reports.variants import DRAWN
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds.graph import GraphBatches
from workflow.training.feeds.heterogeneous import HeteroFeed
from workflow.training.feeds.neighbour import NeighbourBatches
from workflow.training.feeds.node import FullGraph
from workflow.training.feeds.step import Feed, Needs


def create(
    task: Task,
    device: torch.device,
    distill_on: str,
    training: TrainingSettings | None = None,
    needs: Needs | None = None,
) -> Feed:
    """The feed of a task's kind, and of its sampler.

    Args:
        training: the `training` settings of a configuration; None for the defaults. `walk_length` must be resolved.
        needs: None for a network and a method that may need everything but propagated features.

    Raises:
        ValueError: each seed has a draw of its own, and none has been made (`workflow.variants.of_seed`).
    """
    if DRAWN in task.info:
        raise ValueError(f"{task.name}: is drawn per seed, and of no seed yet")
    training = training or TrainingSettings()
    if task.kind == Kind.HETEROGENEOUS:
        return HeteroFeed(task, device, distill_on, training)
    if task.kind == Kind.GRAPH:
        return GraphBatches(task, device, distill_on, training)
    if training.sampler == "neighbour":
        return NeighbourBatches(task, device, distill_on, training, needs or Needs(edges=True))
    return FullGraph(task, device, distill_on, training)
