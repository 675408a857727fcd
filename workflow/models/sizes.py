"""Parameter counts, and the width that reaches a wanted compression ratio."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods.contract import Shape
from workflow.catalog import Facts
from workflow.errors import UserError
from workflow.models.model import create
from workflow.specs import Network

TOLERANCE = 0.05
"""Largest relative distance between the wanted ratio and the one that whole widths allow."""


@dataclass(frozen=True)
class Size:
    """Trainable parameters of a network without and with learned embeddings, its widths, and what it sees of a graph.

    Attributes:
        reach, powers: as of a `Model`.
    """

    params: int
    params_with_embeddings: int
    shape: Shape
    reach: int
    powers: int


def measure(spec: Network, facts: Facts) -> Size:
    """The exact size of a network; nothing is allocated. Raises UserError as `workflow.models.model.create` does."""
    with torch.device("meta"):
        model = create(spec, facts)
    total = model.parameter_count()
    return Size(total - model.embedding_parameters(), total, model.shape, model.reach, model.powers)


def solve_width(spec: Network, facts: Facts, teacher_params: int, ratio: float) -> int:
    """The width whose parameter count is nearest to `teacher_params / ratio` (embeddings not counted).

    Raises:
        UserError: no width comes within `TOLERANCE` of the ratio; the message names the reachable neighbours.
    """
    wanted = teacher_params / ratio

    def count(width: int) -> int:
        return measure({**spec, "width": width}, facts).params

    low, high = 1, 2
    while count(high) < wanted:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    best = min((low, high), key=lambda width: abs(count(width) - wanted))
    reached = teacher_params / count(best)
    if abs(reached - ratio) > TOLERANCE * ratio:
        near = ", ".join(f"{teacher_params / count(w):.4g} (width {w})" for w in (high, low))
        raise UserError(f"ratio {ratio:g} cannot be reached within {TOLERANCE:.0%}; the nearest are {near}")
    return best
