"""Labels of a task as tensors, and what a student may see of them: the same for every kind of task.

Classes are [n] int64, `UNLABELED` where hidden. Labels of other objectives are [n, targets] float32, NaN where hidden
or unmeasured.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from methods.contract import UNLABELED
from workflow.task import Task

HOST = torch.device("cpu")


def of(array: np.ndarray) -> Tensor:
    """All labels, on the host."""
    found = torch.from_numpy(np.array(array))
    return found if found.is_floating_point() else found.long()


def among(units: int, ids: Tensor | slice) -> Tensor:
    """[units] whether a unit is one of these."""
    found = torch.zeros(units, dtype=torch.bool)
    found[ids] = True
    return found


def visible(labels: Tensor, known: Tensor) -> Tensor:
    """The labels of the units that `known` [n] names; the others' are hidden."""
    if labels.is_floating_point():
        return torch.where(known[:, None], labels, torch.nan)
    return torch.where(known, labels, UNLABELED)


def learned(task: Task) -> Tensor:
    """[units] whether training shows a label of a unit, or one of its labels."""
    found = of(task.labels)
    seen = visible(found, among(len(found), torch.from_numpy(np.array(task.split("train"))).long()))
    return ~seen.isnan().all(1) if seen.is_floating_point() else seen != UNLABELED


def scored(labels: Tensor, device: torch.device) -> Tensor:
    """Labels where a metric reads them: it counts hits on the device, but ranks and errors on the host."""
    return labels.to(HOST if labels.is_floating_point() else device)


def answers(labels: Tensor, split: Mapping[str, Tensor], device: torch.device) -> dict[str, tuple[Tensor, Tensor]]:
    """Of every part, the ids on the device and the labels as `scored`."""
    return {part: (ids.to(device), scored(labels[ids], device)) for part, ids in split.items()}
