"""Teacher-free distillation by a virtual teacher (Tf-KD_reg): Yuan, Tay, Li, Wang and Feng, CVPR 2020.

A control without a teacher, as label-smoothing is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from baselines.parts.labelled import mean_over_known
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of, share
from methods.vocabulary import Objective


class VirtualTeacher(Method):
    """alpha * mean over labelled rows of KL(softmax(u / tau) || softmax(z_S)), beside (1 - alpha) * CE.

    u is a teacher made by hand: `correct` for the class of the label, and what is left in equal parts for the others.
    As in the authors' code, the temperature softens these probabilities once more and leaves the student alone: at
    tau 20 the target is close to uniform.

    Args:
        alpha: weight of the virtual teacher, in [0, 1]. Default 0.1, this project's, as in label-smoothing.
        correct: probability of the right class, in [0, 1]. Default 0.99 (Yuan et al.).
        temperature: tau > 0. Default 20 (the same).
    """

    title = "Virtual teacher"
    year = 2020
    citation = "yuan2020revisiting"
    control = True
    uses_teacher = False
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"alpha": (0.1, 0.3, 0.5, 0.9), "temperature": (0.2, 1.0, 5.0, 20.0)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 0.1,
        correct: float = 0.99,
        temperature: float = 20.0,
    ) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha, correct=correct)
        at_least(self, 0, above=True, temperature=temperature)
        self.alpha, self.ce_weight = alpha, 1 - alpha
        rest = (1 - correct) / max(student.out - 1, 1)
        made = torch.tensor([correct, *[rest] * (student.out - 1)], dtype=torch.float64) / temperature
        self.log_right, *others = functional.log_softmax(made, 0).tolist()
        self.log_others = others[0] if others else 0.0

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z, _ = logits_of(self, student, teacher)
        log_probabilities = functional.log_softmax(z, 1)
        right = log_probabilities.gather(1, batch.labels.clamp(min=0)[:, None]).squeeze(1)
        q_right, q_other = math.exp(self.log_right), math.exp(self.log_others)
        apart = q_right * (self.log_right - right) + q_other * (
            (z.shape[1] - 1) * self.log_others - (log_probabilities.sum(1) - right)
        )
        return {"virtual": mean_over_known(apart, batch, self.alpha)}

    @classmethod
    def skip(cls, task: object, teacher: Shape, student: Shape) -> str | None:
        if student.out < 2:
            return "needs at least two classes"
        return super().skip(task, teacher, student)  # type: ignore[arg-type]
