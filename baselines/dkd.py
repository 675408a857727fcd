"""Decoupled knowledge distillation: Zhao, Cui, Song, Qiu and Liang, CVPR 2022."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of
from methods.vocabulary import Objective


class Decoupled(Method):
    """tau^2 * (alpha * TCKD + beta * NCKD), the two halves of the KL divergence of soft targets.

    With p = softmax(z / tau) and y the label: TCKD = KL of the pairs (p_y, 1 - p_y); NCKD = KL of the distributions
    over the other classes. Both are means over the LABELLED rows, as without a label there is no target class.

    Args:
        alpha: weight of the target class. Default 1 (Zhao et al.).
        beta: weight of the other classes. Default 8 (the same, for CIFAR-100; it depends on the teacher's confidence).
        temperature: tau > 0. Default 4 (the same).
    """

    title = "DKD"
    year = 2022
    citation = "zhao2022decoupled"
    objectives = frozenset({Objective.MULTICLASS})

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 1.0,
        beta: float = 8.0,
        temperature: float = 4.0,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, alpha=alpha, beta=beta)
        at_least(self, 0, above=True, temperature=temperature)
        self.alpha, self.beta, self.temperature = alpha, beta, temperature

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z, target = logits_of(self, student, teacher)
        if len(z) != len(batch.labels):
            shapes = f"student {list(z.shape)}, teacher {list(target.shape)}"
            raise ValueError(f"dkd: {len(batch.labels)} labels for {shapes}")
        rows = batch.memo((id(self), "labelled"), lambda: (batch.labels >= 0).nonzero().squeeze(1))
        labels = batch.memo((id(self), "labels"), lambda: batch.labels[rows][:, None])
        p = batch.memo((id(self), "teacher"), lambda: self._split(target.index_select(0, rows), labels))
        q = self._split(z.index_select(0, rows), labels)
        scale = self.temperature**2 / max(len(rows), 1)
        of_target, of_others = (
            functional.kl_div(a, b, reduction="sum", log_target=True) * scale for a, b in zip(q, p, strict=True)
        )
        return {"target": self.alpha * of_target, "others": self.beta * of_others}

    def _split(self, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Log (p_y, 1 - p_y) [n, 2], and log probabilities among the other classes [n, C - 1]."""
        z = z / self.temperature
        others = torch.arange(z.shape[1] - 1, device=z.device).expand(len(z), -1)
        others = z.gather(1, others + (others >= labels))
        pair = torch.cat([z.gather(1, labels), others.logsumexp(1, keepdim=True)], 1)
        return functional.log_softmax(pair, 1), functional.log_softmax(others, 1)

    @classmethod
    def skip(cls, task: object, teacher: Shape, student: Shape) -> str | None:
        if student.out < 2:
            return "needs at least two classes"
        return super().skip(task, teacher, student)  # type: ignore[arg-type]
