"""The logits part of GraphAKD, adversarial distillation: He, Wang, Zhang and Wu, KDD 2022; by gradient reversal."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.parts.labelled import mean_over_known
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of
from methods.reversal import reversed_gradient
from methods.spaces import LogRange
from methods.vocabulary import Objective


class AdversarialLogits(Method):
    """l1 * mean_n |z_S[n] - z_T[n]|_1 + beta / 2 * (adversarial + class), with a discriminator D of logits.

    - adversarial = mean_n -log sigmoid(D_0(z_T[n])) - log(1 - sigmoid(D_0(z_S[n]))): D lowers it, the student raises
      it. One optimizer and one step serve both, by reversing the student's gradient.
    - class = mean over labelled rows of the cross-entropies of D_1..C(z_T) and D_1..C(z_S) with the label, which both
      lower.

    D(z) = V relu(z + W z + b), as theirs.

    Departures: He et al. give the discriminators an optimizer of their own and a step every 1 to 30 epochs, and let the
    student maximise log sigmoid(D_0(z_S)); reversal is the minimax form of the same game. Of their three
    discriminators this is the first; the others compare embeddings of edges and of the whole graph.

    Args:
        beta: weight of the game. Default 1 (He et al.).
        l1: weight of the distance of logits. Default 1 (the same).
    """

    title = "GraphAKD (logits)"
    year = 2022
    citation = "he2022compressing"
    objectives = frozenset({Objective.MULTICLASS})
    reverses = True
    search_space = {"beta": LogRange(0.01, 10), "l1": (0.0, 0.1, 1.0)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1.0, l1: float = 1.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta, l1=l1)
        self.beta, self.l1 = beta, l1
        self.hidden = nn.Linear(student.out, student.out)
        self.verdict = nn.Linear(student.out, student.out + 1, bias=False)

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        of_teacher, reversed_student = self._judged(z_teacher), reversed_gradient(z_student)
        doubt = functional.softplus(-of_teacher[:, 0]) + functional.softplus(self._judged(reversed_student)[:, 0])

        labels = batch.labels.clamp(min=0)
        of_both = [
            functional.cross_entropy(found[:, 1:], labels, reduction="none")
            for found in (of_teacher, self._judged(z_student))
        ]
        return {
            "l1": self.l1 * torch.mean((z_student - z_teacher).abs().sum(1)),
            "adversarial": self.beta / 2 * doubt.mean(),
            "class": mean_over_known(of_both[0] + of_both[1], batch, self.beta / 2),
        }

    def _judged(self, z: Tensor) -> Tensor:
        """D: [n, C] logits -> [n, 1 + C], whether they are the teacher's, and of which class."""
        verdict: Tensor = self.verdict(torch.relu(z + self.hidden(z)))
        return verdict
