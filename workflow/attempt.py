"""What a method refuses of its hyperparameters, told before the first job."""

from __future__ import annotations

import torch

import methods
from methods.contract import Shape
from workflow.catalog import Facts
from workflow.specs import Hyperparameters


class _Situation:
    """What `Method.skip` may know before the data are there: a graph without edges is told only by the job."""

    num_edges = 1

    def __init__(self, facts: Facts) -> None:
        self.kind = facts.kind
        self.objective = facts.objective


def attempt(identity: str, facts: Facts, teacher: Shape, student: Shape, hyperparameters: Hyperparameters) -> None:
    """Builds a method, unless it skips the task; at first without weights, whose random start takes seconds.

    Raises:
        ValueError, TypeError: what the method says of its hyperparameters.
    """
    if methods.skip(identity, _Situation(facts), teacher, student):
        return
    try:
        with torch.device("meta"):
            methods.create(identity, teacher=teacher, student=student, **hyperparameters)
    except Exception:  # perhaps only because it looks at its weights
        methods.create(identity, teacher=teacher, student=student, **hyperparameters)
