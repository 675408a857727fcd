"""Knowledge-inspired reliable distillation (KRD) with its published reliability: Wu, Lin, Huang and Li, ICML 2023."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from baselines.krd import ReliableDistillation
from methods.contract import Batch, Signals
from methods.pairing import logits_of
from methods.vocabulary import Extra


class NoiseReliability(ReliableDistillation):
    """krd with delta_j = |H(p_T(x_j + e)) - H(p_T(x_j))| over the largest of all distilled rows, e ~ N(0, 1).

    H is the entropy of a row of the teacher's prediction p_T = softmax(z_T): a row whose certainty changes under noise
    on all features is not to be relied on. The noise is drawn once for a teacher, as by the authors, who divide by the
    largest of all nodes. Everything else is as in `krd`, with its departures but the first, which is this.
    """

    title = "KRD"
    uses_ids = True
    teacher_extras = (Extra.NOISE_ENTROPY,)

    change: Tensor

    def begin(self, ids: Tensor, extras: Mapping[Extra, Tensor]) -> None:
        change = extras[Extra.NOISE_ENTROPY].to(torch.get_default_dtype())
        largest = change[ids].max() if len(ids) else change.sum()
        self.register_buffer("change", change / torch.where(largest > 0, largest, 1))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        logits_of(self, student, teacher)  # refuses what does not fit before anything is kept
        # What `krd` would compute of the teacher's own entropy under this name.
        batch.memo(self, "doubt", lambda: self.change.index_select(0, batch.ids))
        return super().forward(student, teacher, batch)
