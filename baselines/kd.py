"""Soft targets: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of, one_of, share
from methods.spaces import LogRange
from methods.vocabulary import Objective


class SoftTargets(Method):
    """alpha * tau^2 * KL(softmax(z_T / tau) || softmax(z_S / tau)), averaged over rows; CE weight 1 - alpha.

    By objective, with z [n, C] (n = graphs in graph-level tasks):

    - multiclass: the equation above.
    - binary: each of the C tasks is a two-outcome distribution, softmax becomes sigmoid, and the KL is averaged over
      rows and tasks (as the cross-entropy of such tasks is). The teacher has an opinion on every task, so unmeasured
      labels (NaN) are distilled too.
    - regression: alpha * mean (z_S - z_T)^2; no temperature.

    Args:
        alpha: weight of the teacher, in [0, 1]. Default 0.9 (Joshi et al. 2022; their grid is .8, .9).
        temperature: tau > 0. Default 4 (the same; grid 4, 5).
        reduction: `batchmean` is the KL divergence; `elementwise` divides it by the number of outcomes too (C, or the
            2 of a binary task), as the published G-CRD numbers do: on 40 classes alpha 0.9, tau 4 then weighs
            0.9 * 16 / 40 = 0.36.
    """

    title = "KD"
    year = 2015
    citation = "hinton2015distilling"
    search_space = {"alpha": (0.3, 0.5, 0.8, 0.9, 1.0), "temperature": LogRange(0.2, 5)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 0.9,
        temperature: float = 4.0,
        reduction: str = "batchmean",
    ) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha)
        at_least(self, 0, above=True, temperature=temperature)
        one_of(self, "reduction", reduction, ("batchmean", "elementwise"))
        self.alpha = alpha
        self.temperature = temperature
        self.reduction = reduction
        self.ce_weight = 1 - alpha

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        if batch.objective == Objective.REGRESSION:
            return {"kd": self.alpha * functional.mse_loss(z_student, z_teacher)}

        binary = batch.objective == Objective.BINARY
        teacher_log_probabilities = batch.memo(self, "teacher", lambda: self._log_probabilities(z_teacher, binary))
        divergence = functional.kl_div(
            self._log_probabilities(z_student, binary), teacher_log_probabilities, reduction="sum", log_target=True
        )
        scale = self.alpha * self.temperature**2 / max(z_student.numel() if binary else len(z_student), 1)
        if self.reduction == "elementwise":
            scale /= 2 if binary else z_student.shape[1]
        return {"kd": scale * divergence}

    def _log_probabilities(self, z: Tensor, binary: bool) -> Tensor:
        """[n, C] log probabilities; [2, n, C] (both outcomes) for binary tasks."""
        z = z / self.temperature
        return (
            torch.stack([functional.logsigmoid(z), functional.logsigmoid(-z)])
            if binary
            else functional.log_softmax(z, 1)
        )
