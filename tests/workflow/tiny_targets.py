"""The tiny node tasks with other labels than classes: three targets of every node, with gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from methods.vocabulary import Objective
from tests.conftest import TINY, make_tiny_task
from tests.workflow import tiny_hetero
from workflow.catalog import Facts
from workflow.task import Task

METRICS = {"binary": "rocauc", "regression": "rmse"}


def with_targets(task: Task, objective: str) -> Task:
    """One target for each class: is a node of it, or a number that is larger where it is; a third is unmeasured.

    The first training node has no label at all.
    """
    random = np.random.default_rng(1)
    values = np.eye(task.outputs, dtype=np.float32)[task.labels]
    if objective == "regression":
        values += 0.3 * random.standard_normal(values.shape).astype(np.float32)
    values[random.random(values.shape) < 0.3] = np.nan
    values[task.split("train")[0]] = np.nan
    changes = {"name": f"{task.name}-{objective}", "objective": Objective(objective), "metric": METRICS[objective]}
    return replace(task, **changes, arrays={**task.arrays, "labels": values}).finish()


def make_task(objective: str) -> Task:
    return with_targets(make_tiny_task(), objective)


def make_hetero_task(objective: str) -> Task:
    return with_targets(tiny_hetero.make_task(), objective)


def facts(objective: str, of: Facts = TINY) -> Facts:
    """Of such a task."""
    return replace(of, objective=Objective(objective), metric=METRICS[objective])
