"""A task as the network of a job reads it, and as the teacher of a student does."""

from __future__ import annotations

from pathlib import Path

import torch

import methods
from workflow import catalog
from workflow.models import positions, sizes
from workflow.specs import CellSpec, Network, TeacherSpec, TrainingSettings
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.feeds.step import Feed, Needs


def own(spec: TeacherSpec | CellSpec, task: Task, folder: Path, device: torch.device) -> Feed:
    """What a training takes its steps from.

    Args:
        folder: of the prepared task, where position encodings are kept.
    """
    distill_on, edges = "all", False
    if isinstance(spec, CellSpec):
        distill_on, edges = spec.distill_on, methods.uses_edges(spec.method_id)
    return _feed(spec.model, spec.training, positions.added(task, spec.model, folder), device, distill_on, edges)


def of_teacher(spec: CellSpec, student: Feed, task: Task, folder: Path, device: torch.device) -> Feed:
    """What a teacher answers from, whoever asks: as in its own training.

    Args:
        student: the student's own feed, which is taken where the teacher reads the same.
    """
    facts, networks = catalog.facts(spec.dataset), (spec.teacher_model, spec.model)
    encodings = {positions.columns_of(network) for network in networks}
    needed, there = (sizes.measure(network, facts).powers for network in networks)
    propagated = spec.training.sampler != "neighbour" or needed <= there
    if spec.teacher_sampler is None and len(encodings) == 1 and propagated:
        return student
    training = spec.training.changed(TrainingSettings(sampler=spec.teacher_sampler or spec.training.sampler))
    return _feed(spec.teacher_model, training, positions.added(task, spec.teacher_model, folder), device, "all", False)


def _feed(
    network: Network, training: TrainingSettings, task: Task, device: torch.device, distill_on: str, edges: bool
) -> Feed:
    size = sizes.measure(network, catalog.facts(task.name))
    # Walks are by default as long as the network is deep.
    training = training.model_copy(update={"walk_length": training.walk_length or len(size.shape.layers)})
    return choose.create(task, device, distill_on, training, Needs(size.reach, size.powers, edges))
