"""Rows of a teacher's signals, gathered from where they lie (memory, or the file that is mapped) for one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor

from methods.contract import Signals
from workflow.moving import moved

LARGEST_HALF = 65504.0  # the largest float16


@dataclass(frozen=True)
class Partial(Signals):
    """Signals of some nodes of a task alone.

    Attributes:
        nodes: [k] int64 their ids, ascending.
    """

    nodes: Tensor

    def at(self, rows: Tensor | slice) -> Signals:
        """Refused: rows of all nodes are not those of some."""
        raise LookupError("rows of signals of some nodes are found by `places`")


def places(signals: Signals, nodes: Tensor) -> Tensor:
    """Rows of the signals that belong to nodes.

    Raises:
        LookupError: some are not there.
    """
    if not isinstance(signals, Partial):
        return nodes
    found = torch.searchsorted(signals.nodes, nodes).clamp(max=len(signals.nodes) - 1)
    if not torch.equal(signals.nodes[found], nodes):
        raise LookupError("the signals are of other nodes")
    return found


def gathered(signals: Signals, units: Tensor, rows: Tensor, device: torch.device) -> Signals:
    """The logits of some units and the hidden states of some rows, in float32 on a device."""
    return Signals(_gathered(signals.logits, units, device), GatheredLayers(signals.hidden, rows, device))


def halved(layer: Tensor) -> Tensor:
    """Hidden states as they are kept: in float16, whose rounding (5e-4 of a value) is far below teachers' spread."""
    return layer.clamp(-LARGEST_HALF, LARGEST_HALF).half()


def _gathered(cached: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    return moved(cached.index_select(0, rows), device).float()


class GatheredLayers(Sequence[Tensor]):
    """Rows of a teacher's hidden layers in float32, each layer gathered when it is first asked for.

    Five layers of 300 columns cost more to gather than a small student's whole step, and most methods read one or none.
    """

    def __init__(self, layers: Sequence[Tensor], rows: Tensor, device: torch.device) -> None:
        self._layers = layers
        self._rows = rows
        self._device = device
        self._done: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._layers)

    @overload
    def __getitem__(self, key: int) -> Tensor: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[Tensor, ...]: ...

    def __getitem__(self, key: int | slice) -> Tensor | tuple[Tensor, ...]:
        if isinstance(key, slice):
            return tuple(self[i] for i in range(*key.indices(len(self))))
        layer = range(len(self))[key]
        if layer not in self._done:
            self._done[layer] = _gathered(self._layers[layer], self._rows, self._device)
        return self._done[layer]
