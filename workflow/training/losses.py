"""The loss of a training and its terms, step by step, as they are told at every evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from methods.terms import LABELS


class Told(NamedTuple):
    """What the steps between two evaluations have shown.

    Attributes:
        loss: its mean.
        terms: the mean of each term by name, 0 counted for a step that lacks it.
        trouble: "" where all was finite, else what was not in the first such step: "term `alignment` inf at epoch 3".
    """

    loss: float
    terms: dict[str, float]
    trouble: str


class Losses:
    """The losses of all steps since the last evaluation. They stay on the device, so that nothing waits for them."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, list[str]]] = []
        """(epoch, names of its terms) of each step."""
        self._values: list[float] = []
        """Of each step its loss, and then its terms; the last ones still on the device, in `_waiting`."""
        self._waiting: list[Tensor] = []
        self._sent: Tensor | None = None
        """Those on their way to the host, which have come when `_arrived` says so."""
        self._arrived: torch.cuda.Event | None = None

    def add(self, epoch: int, loss: Tensor, supervised: Tensor, terms: Mapping[str, Tensor]) -> None:
        """Notes a step.

        Args:
            epoch: counted from 1.
            loss: supervised + sum(terms).
            supervised: the loss on the labels, as weighted.
            terms: the method's, by name, each as weighted.
        """
        self._steps.append((epoch, [LABELS, *terms]))
        # A sum takes a scalar of the host, such as a constant 0, beside those of a GPU; `stack` does not.
        self._waiting += [v.detach().reshape(()).to(loss.device) for v in (loss, supervised, *terms.values())]

    def send(self) -> None:
        """Starts the way of the values to the host, so that an evaluation, which waits for the device, ends it, too."""
        if self._waiting:
            self._take()
            values = torch.stack(self._waiting)
            self._waiting = []
            self._sent = values.to("cpu", non_blocking=True)
            if values.is_cuda:
                self._arrived = torch.cuda.Event()
                self._arrived.record()

    def read(self) -> Told:
        """What was noted since the last call; begins anew."""
        rest = iter(self._fetched())
        steps = [(epoch, next(rest), {name: next(rest) for name in names}) for epoch, names in self._steps]
        self._steps, self._values = [], []
        means: dict[str, float] = {}
        for _, _, terms in steps:
            for name, value in terms.items():
                means[name] = means.get(name, 0.0) + value / len(steps)
        return Told(sum(loss for _, loss, _ in steps) / len(steps), means, _trouble(steps))

    def state(self) -> dict[str, Any]:
        """For a checkpoint between two evaluations."""
        return {"steps": self._steps, "values": self._fetched()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` has given."""
        self._steps = [(epoch, names) for epoch, names in state["steps"]]
        self._values, self._waiting, self._sent = state["values"], [], None

    def _fetched(self) -> list[float]:
        """All values."""
        self.send()
        self._take()
        return self._values

    def _take(self) -> None:
        """Takes what was sent; waits for the device where it has not come yet."""
        if self._sent is not None:
            if self._arrived:
                self._arrived.synchronize()
            self._values += self._sent.tolist()
            self._sent = self._arrived = None


def _trouble(steps: list[tuple[int, float, dict[str, float]]]) -> str:
    for epoch, loss, terms in steps:
        strange = [f"term `{name}` {value}" for name, value in terms.items() if not math.isfinite(value)]
        if strange or not math.isfinite(loss):
            return f"{', '.join(strange) or 'the sum of its terms'} at epoch {epoch}"
    return ""
