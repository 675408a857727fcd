"""The loss of MustaD, multi-staged knowledge distillation: Kim, Jung and Kang, PLoS ONE 2021."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.kd import SoftTargets
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of, logits_of
from methods.spaces import LogRange
from methods.vocabulary import Objective


class MultiStaged(Method):
    """prediction * KL(p_T || p_S) + embedding * mean_n KL(softmax(h_T[n]) || softmax(W h_S[n])), beside CE.

    p is the softmax of the logits (by objective as in kd), the teacher's alone divided by tau, as in the authors' code,
    and h the last hidden state: the kernel `kl` of Kim et al., their default. Their student is one GCNII layer that is
    applied again and again, which is a network and no loss. It is as wide as the teacher; where it is not, W makes it
    so: d_S -> d_T.

    Args:
        prediction: weight. Default 1; published 0.1 to 100, tuned by dataset.
        embedding: weight. Default 0.1; published 0.01 to 10, tuned by dataset.
        temperature: tau > 0. Default 2 (their code). Targets of a regression are not divided.
    """

    title = "MustaD (loss)"
    year = 2021
    citation = "kim2021multi"
    uses_hidden = True
    search_space = {"prediction": LogRange(0.1, 100), "embedding": LogRange(0.01, 10)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        prediction: float = 1.0,
        embedding: float = 0.1,
        temperature: float = 2.0,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, prediction=prediction, embedding=embedding)
        at_least(self, 0, above=True, temperature=temperature)
        self.prediction, self.embedding, self.temperature = prediction, embedding, temperature
        self.targets = SoftTargets(teacher, student, alpha=1.0, temperature=1.0)
        widths = student.hidden[-1], teacher.hidden[-1]
        self.head = nn.Linear(*widths) if widths[0] != widths[1] else nn.Identity()

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        logits_of(self, student, teacher)
        h_student, h_teacher = last_of(self, student, teacher, batch)
        of_teacher = batch.memo(self, "teacher", lambda: torch.log_softmax(h_teacher, 1))
        divergence = functional.kl_div(
            torch.log_softmax(self.head(h_student), 1), of_teacher, reduction="batchmean", log_target=True
        )
        tau = 1.0 if batch.objective == Objective.REGRESSION else self.temperature
        softer = Signals(teacher.logits / tau, teacher.hidden)
        return {
            "prediction": self.prediction * self.targets(student, softer, batch)["kd"],
            "embedding": self.embedding * divergence,
        }
