"""Logit KD from another node's soft targets. A control: what is left is regularisation, and no knowledge of a row."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.kd import SoftTargets
from methods.contract import UNLABELED, Batch, Signals
from methods.pairing import logits_of
from methods.vocabulary import Objective


class ShuffledTargets(SoftTargets):
    """kd after a random permutation of the teacher's rows, drawn once per batch from the seed of its generator.

    Rows are exchanged among those that have a label in training, and among those that have none. Every hyperparameter
    is that of kd.
    """

    title = "KD, shuffled teacher"
    control = True
    depends_on_rows = True
    depends_on_order = True

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        logits_of(self, student, teacher)
        shuffled = batch.memo(self, "shuffled", lambda: Signals(teacher.logits[_order(batch)], ()))
        return {"shuffled": super().forward(student, shuffled, batch)["kd"]}


def _order(batch: Batch) -> Tensor:
    """[n] which row's targets each row gets."""
    # A training that goes on from a checkpoint meets its batch anew, with a generator that has moved: the seed has not.
    device = batch.labels.device
    drawn = torch.rand(
        len(batch.labels),
        generator=torch.Generator(device).manual_seed(batch.generator.initial_seed()),
        device=device,
    )
    multiclass = batch.objective == Objective.MULTICLASS
    group = (batch.labels == UNLABELED).float() if multiclass else torch.zeros_like(drawn)
    # Sorted by group alone, and by group and chance: the k-th row of a group gets the k-th target of that group.
    places = torch.argsort(group, stable=True)
    targets = torch.argsort(group + drawn / 2)
    return torch.empty_like(places).scatter(0, places, targets)
