"""Soft targets of standardised logits: Sun, Ren, Li, Wang and Cao, CVPR 2024."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY
from methods.pairing import at_least, logits_of
from methods.spaces import LogRange
from methods.vocabulary import Objective


class StandardisedTargets(Method):
    """beta * tau^2 * mean_n KL(softmax(Z(z_T) / tau) || softmax(Z(z_S) / tau)), Z(z) = (z - mean z) / std z.

    Z standardises each row: mean and std are over its C classes (divisor C). The student may choose the scale of its
    logits; only their relations are matched. Of two classes nothing is left to match: two numbers standardised are
    always 1 and -1, so that the method does not apply.

    Args:
        beta: weight. Default 9 (Sun et al., beside a cross-entropy weight of 0.1).
        temperature: tau > 0. Default 2 (the same).
        label_weight: of the cross-entropy. Default 0.1.
    """

    title = "KD standardised"
    year = 2024
    citation = "sun2024logit"
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"beta": LogRange(0.5, 50), "temperature": (1.0, 2.0, 4.0), "label_weight": (0.1, 0.5, 1.0)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 9.0,
        temperature: float = 2.0,
        label_weight: float = 0.1,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta, label_weight=label_weight)
        at_least(self, 0, above=True, temperature=temperature)
        self.beta, self.temperature = beta, temperature
        self.ce_weight = label_weight

    @classmethod
    def skip(cls, task: object, teacher: Shape, student: Shape) -> str | None:
        reason = super().skip(task, teacher, student)  # type: ignore[arg-type]
        return reason or ("needs at least three classes" if student.out < 3 else None)

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        teacher_log_probabilities = batch.memo(self, "teacher", lambda: self._log_probabilities(z_teacher))
        divergence = functional.kl_div(
            self._log_probabilities(z_student), teacher_log_probabilities, reduction="batchmean", log_target=True
        )
        return {"kd": self.beta * self.temperature**2 * divergence}

    def _log_probabilities(self, z: Tensor) -> Tensor:
        """[n, C] log probabilities of standardised logits."""
        z = z - z.mean(1, keepdim=True)
        scale = torch.rsqrt(z.square().mean(1, keepdim=True) + TINY)
        return functional.log_softmax(z * scale / self.temperature, 1)
