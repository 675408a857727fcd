"""Distillation from a stronger teacher: Huang, You, Wang, Qian and Xu, NeurIPS 2022."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY
from methods.pairing import at_least, logits_of
from methods.spaces import LogRange
from methods.vocabulary import Objective


class StrongerTeacher(Method):
    """tau^2 * (beta * mean_n (1 - rho(p_S[n, :], p_T[n, :])) + gamma * mean_c (1 - rho(p_S[:, c], p_T[:, c]))).

    p = softmax(z / tau) and rho the Pearson correlation: the order of the classes on every row (inter-class relations)
    and of the rows in every class (intra-class relations) is matched, not the probabilities themselves. Of two
    classes the first is constant: two numbers have one order or the other.

    Args:
        beta, gamma: weights of the two. Default 2.
        temperature: tau > 0. Default 1.
    """

    title = "DIST"
    year = 2022
    citation = "huang2022knowledge"
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"beta": LogRange(0.2, 20), "gamma": LogRange(0.2, 20), "temperature": (1.0, 2.0, 4.0)}

    def __init__(
        self, teacher: Shape, student: Shape, *, beta: float = 2.0, gamma: float = 2.0, temperature: float = 1.0
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta, gamma=gamma)
        at_least(self, 0, above=True, temperature=temperature)
        self.beta, self.gamma, self.temperature = beta, gamma, temperature

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        p_teacher = batch.memo(self, "teacher", lambda: functional.softmax(z_teacher / self.temperature, 1))
        p_student = functional.softmax(z_student / self.temperature, 1)
        square = self.temperature**2
        inter, intra = ((1 - _correlation(p_student, p_teacher, axis)).mean() for axis in (1, 0))
        return {"inter": self.beta * square * inter, "intra": self.gamma * square * intra}


def _correlation(student: Tensor, teacher: Tensor, axis: int) -> Tensor:
    """Pearson correlations of two matrices along an axis; 0 where one side is constant."""
    student, teacher = student - student.mean(axis, keepdim=True), teacher - teacher.mean(axis, keepdim=True)
    lengths = (student.square().sum(axis) + TINY) * (teacher.square().sum(axis) + TINY)
    return (student * teacher).sum(axis) * torch.rsqrt(lengths)
