"""Logit KD from another row's soft targets. A control: what is left is regularisation, and no knowledge of a row."""

from __future__ import annotations

from torch import Tensor

from baselines.kd import SoftTargets
from methods.contract import Batch, Signals


class ShuffledTargets(SoftTargets):
    """kd from a teacher whose logits were exchanged between rows, once for all of a training.

    They are exchanged among the rows that have a label in training, and among those that have none. Every
    hyperparameter is that of kd.
    """

    title = "KD, shuffled teacher"
    control = True
    exchanged = True

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        return {"shuffled": super().forward(student, teacher, batch)["kd"]}
