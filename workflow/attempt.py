"""What a method refuses of its hyperparameters, told before the first job."""

from __future__ import annotations

from typing import Any

import torch

import methods
from methods.contract import Shape
from methods.spaces import flat
from methods.spelling import as_number, number_in, numbered
from workflow.catalog import Facts
from workflow.specs import Hyperparameters


class _Situation:
    """What `Method.skip` may know before the data are there: a graph without edges is told only by the job."""

    num_edges = 1

    def __init__(self, facts: Facts) -> None:
        self.kind = facts.kind
        self.objective = facts.objective


def attempt(identity: str, facts: Facts, teacher: Shape, student: Shape, hyperparameters: Hyperparameters) -> None:
    """Builds a method, unless it skips the task.

    Raises:
        ValueError, TypeError: what the method says of its hyperparameters; of a text whose number would be allowed, how
            YAML has that number.
    """
    if methods.skip(identity, _Situation(facts), teacher, student):
        return
    shapes = {"teacher": teacher, "student": student}
    numbers, texts = numbered(hyperparameters)
    try:
        _build(identity, hyperparameters, shapes)
    except (ValueError, TypeError) as error:
        if texts and _built(identity, numbers, shapes):
            raise ValueError(f"{error}{as_number(texts[0])}") from error
        raise
    defaults = flat(methods.defaults(identity)) if texts else {}
    for key, value in flat(hyperparameters).items():
        # A text that is only multiplied with would fail in the training.
        if number_in(value) is not None and type(defaults.get(key)) in (int, float):
            raise ValueError(f"{identity}: {'.'.join(key)}={value!r}: must be a number{as_number(value)}")


def _built(identity: str, hyperparameters: Hyperparameters, shapes: dict[str, Any]) -> bool:
    """Whether a method takes these hyperparameters."""
    try:
        _build(identity, hyperparameters, shapes)
    except Exception:  # whatever it is, the first error is told
        return False
    return True


def _build(identity: str, hyperparameters: Hyperparameters, shapes: dict[str, Any]) -> None:
    """Builds a method; at first without weights, whose random start takes seconds."""
    try:
        with torch.device("meta"):
            methods.create(identity, **shapes, **hyperparameters)
    except Exception:  # perhaps only because it looks at its weights
        methods.create(identity, **shapes, **hyperparameters)
