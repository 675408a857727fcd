"""What every feed offers to the training loop.

A feed turns a Task into device tensors once per process and is shared by all its seeds. `steps` gives the inputs of one
epoch, `predict` the logits of some units (nodes or graphs) for evaluation, `knowledge` a teacher's signals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from methods.contract import Batch, Signals
from workflow.models.model import Dropout, Model
from workflow.task import Task
from workflow.training.seeds import Streams

NO_DROPOUT = Dropout(None)


@dataclass(frozen=True)
class Step:
    """One optimizer step.

    Attributes:
        inputs: what the network is called with.
        labeled: rows of the logits that carry the supervised loss; None for all.
        labels: their labels.
        teacher: the teacher's signals on the rows of the student's; None while a teacher is trained.
        batch: describes these rows, which all carry the distillation terms; None while a teacher is trained.
    """

    inputs: Any
    labeled: Tensor | slice | None
    labels: Tensor
    teacher: Signals | None = None
    batch: Batch | None = None


class Feed(Protocol):
    task: Task
    device: torch.device

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[Iterable[Step]]: ...

    def units(self, part: str) -> tuple[Tensor | slice, Tensor]: ...

    def predict(self, model: Model, part: str | None = None) -> Tensor: ...

    def knowledge(self, model: Model) -> Signals: ...

    def forget(self) -> None: ...


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """A memory-mapped array as a tensor (one copy: the file must not be written through)."""
    return torch.from_numpy(np.array(array)).to(device)
