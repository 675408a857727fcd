"""How many steps an epoch in mini-batches has, and how many units each of them gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

Ids = TypeVar("Ids")

OTHERS = 4
"""A step has at most so many times `batch_size` units beside its training units, however few of these there are."""


@dataclass(frozen=True)
class Shares:
    """Of one epoch.

    Attributes:
        batches: in which one pass over the training units is cut, of nearly equal size.
        steps: as many, or more where the others are many: then there is another pass over the training units.
        units: of a step, in the mean.
    """

    batches: int
    steps: int
    units: float

    @property
    def passes(self) -> int:
        """Over the training units; the last one may end before all have come."""
        return math.ceil(self.steps / self.batches)

    def dealt(
        self, train: Ids, others: Ids, shuffled: Callable[[Ids, int], Sequence[Ids]]
    ) -> Iterator[tuple[Ids, Ids]]:
        """The training units and the others of every step.

        Args:
            shuffled: (ids, parts) -> ids in a new order, cut into so many parts. It is called for the first pass and
                for the others at once, for a later pass when that is reached.
        """
        first, rest = shuffled(train, self.batches), shuffled(others, self.steps)
        later = (part for _ in range(1, self.passes) for part in shuffled(train, self.batches))
        return zip(chain(first, later), rest, strict=False)


def shares(train: int, others: int, batch_size: int) -> Shares:
    """Shares of `batch_size` training units at most, and two at least, where there are two: a batch norm needs them.

    Args:
        train: number of units with a label.
        others: number of those that carry distillation terms alone, shared out over all steps.
    """
    batches = max(1, min(math.ceil(train / batch_size), train // 2))
    steps = max(batches, math.ceil(others / (OTHERS * batch_size)))
    return Shares(batches, steps, train / batches + others / steps)
