"""What every feed offers to the training loop.

A feed turns a Task into device tensors once per process and is shared by all its seeds. The feeds of the kinds of task
stand in files of their own; `choose.create` takes the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Wider:
    """What methods that read edges are asked on in place of a step's own rows, where a step draws neighbours.

    They are these rows and, of the nodes that the first hop drew, those that may carry distillation terms; a network
    sees a hop less of them. Labels and all other methods keep to the step's own rows, so that no method's edges change
    what another one learns from.

    Attributes:
        inputs: what the network is called with.
        rows: of its answer; None for all.
        teacher, batch: as of a step, on these rows.
    """

    inputs: Any
    rows: Tensor | None
    teacher: Signals
    batch: Batch


@dataclass(frozen=True)
class Step:
    """One optimizer step.

    Attributes:
        inputs: what the network is called with.
        labeled: rows of the logits that carry the supervised loss; None for all.
        labels: their labels.
        teacher: the teacher's signals on the rows of the student's; None while a teacher is trained.
        batch: describes these rows, which all carry the distillation terms; None while a teacher is trained.
        wider: more rows, for methods that read edges; None where all rows are here.
    """

    inputs: Any
    labeled: Tensor | slice | None
    labels: Tensor
    teacher: Signals | None = None
    batch: Batch | None = None
    wider: Wider | None = None


@dataclass(frozen=True)
class Needs:
    """What a feed that draws graphs must know of the network and the method.

    Attributes:
        reach, powers: of the network (`workflow.models.model.Model`); None for one of unknown reach.
        edges: whether the method reads the edges among the rows.
    """

    reach: int | None = None
    powers: int = 0
    edges: bool = False


class Feed(Protocol):
    """The inputs and labels of one task on one device, for all trainings of a process.

    A unit is what has labels: a node (of the target type), or a graph in graph-level tasks.
    """

    task: Task
    device: torch.device

    def steps(self, streams: Streams, teacher: Signals | None = None) -> Iterator[Iterable[Step]]:
        """The steps of one epoch after another, without end, in an order that the streams alone decide.

        Args:
            teacher: signals of all units, as `knowledge` gives them; None where a teacher is trained.
        """

    def units(self, part: str) -> tuple[Tensor | slice, Tensor]:
        """Rows of `predict(model)` that belong to a part of the split (see `SPLITS`), and their labels."""

    def predict(self, model: Model, part: str | None = None) -> Tensor:
        """[k, C] logits without dropout: of a part of the split, in the order of its units; None for all parts."""

    @property
    def taught(self) -> Tensor:
        """[D] int64 ids in the task, ascending and on the host, of the units that carry distillation terms."""

    def knowledge(self, model: Model, change: Change | None = None) -> Signals:
        """The signals of all units without dropout, in the task's order.

        Args:
            change: of every matrix of real-valued features; None for none.

        Raises:
            NotApplicableError: features are categories, and a change is wanted.
        """

    def forget(self) -> None:
        """Drops what was computed of the features alone, so that a latency counts all of an answer."""


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """A memory-mapped array as a tensor (one copy: the file must not be written through)."""
    return torch.from_numpy(np.array(array)).to(device)
