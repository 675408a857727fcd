"""Decoupled knowledge distillation: Zhao, Cui, Song, Qiu and Liang, CVPR 2022."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of, whole
from methods.vocabulary import Objective


class Decoupled(Method):
    """min(1, epoch / warm_up) * tau^2 * (alpha * TCKD + beta * NCKD), the halves of the KL divergence of soft targets.

    With p = softmax(z / tau) and c the class of the label: TCKD = KL of the pairs (p_c, 1 - p_c); NCKD = KL of the
    distributions over the other classes. Both are KL(teacher || student), and means over the LABELLED rows: without a
    label there is no target class.

    Args:
        alpha: weight of the target class. Default 1 (Zhao et al.).
        beta: weight of the other classes. Default 8 (the same, for CIFAR-100; it depends on the teacher's confidence).
        temperature: tau > 0. Default 4 (the same).
        warm_up: epochs in which the weight rises. Default 20 (the same).
    """

    title = "DKD"
    year = 2022
    citation = "zhao2022decoupled"
    uses_epoch = True
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"beta": (0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0), "temperature": (1.0, 2.0, 4.0)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 1.0,
        beta: float = 8.0,
        temperature: float = 4.0,
        warm_up: int = 20,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, alpha=alpha, beta=beta)
        at_least(self, 0, above=True, temperature=temperature)
        whole(self, warm_up=warm_up)
        self.alpha, self.beta, self.temperature, self.warm_up = alpha, beta, temperature, warm_up

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        if len(z_student) != len(batch.labels):
            shapes = f"student {list(z_student.shape)}, teacher {list(z_teacher.shape)}"
            raise ValueError(f"dkd: {len(batch.labels)} labels for {shapes}")
        rows = batch.memo(self, "labelled", lambda: (batch.labels >= 0).nonzero().squeeze(1))
        labels = batch.memo(self, "labels", lambda: batch.labels[rows][:, None])
        teacher_parts = batch.memo(self, "teacher", lambda: self._split(z_teacher.index_select(0, rows), labels))
        student_parts = self._split(z_student.index_select(0, rows), labels)
        scale = min(1.0, batch.epoch / self.warm_up) * self.temperature**2 / max(len(rows), 1)
        of_target, of_others = (
            functional.kl_div(of_student, of_teacher, reduction="sum", log_target=True) * scale
            for of_student, of_teacher in zip(student_parts, teacher_parts, strict=True)
        )
        return {"target": self.alpha * of_target, "others": self.beta * of_others}

    def _split(self, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Log (p_c, 1 - p_c) [n, 2], and log probabilities among the other classes [n, C], 0 for the own one."""
        z = z / self.temperature
        own = torch.arange(z.shape[1], device=z.device) == labels
        # Not a gather of the others, which a GPU that repeats itself would sort to go back through.
        others = z.masked_fill(own, -torch.inf)
        pair = torch.cat([z.gather(1, labels), others.logsumexp(1, keepdim=True)], 1)
        return functional.log_softmax(pair, 1), functional.log_softmax(others, 1).masked_fill(own, 0)

    @classmethod
    def skip(cls, task: object, teacher: Shape, student: Shape) -> str | None:
        if student.out < 2:
            return "needs at least two classes"
        return super().skip(task, teacher, student)  # type: ignore[arg-type]
