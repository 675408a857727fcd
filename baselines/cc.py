"""Correlation congruence (CC): Peng et al., ICCV 2019."""

from __future__ import annotations

import math

from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of, sample, whole
from methods.spaces import LogRange
from methods.streaming import blocks, streamed_sum


class CorrelationCongruence(Method):
    """beta * mean over all pairs (n, m) of sampled nodes of (k(h_S[n], h_S[m]) - k(h_T[n], h_T[m]))^2.

    k is the Gaussian kernel exp(-gamma ||a - b||^2) of unit rows by its Taylor series of order 2,

        k(a, b) = exp(-2 gamma) * (1 + 2 gamma a.b + (2 gamma a.b)^2 / 2)

    (equation 7 and its expansion in Peng et al.). A widespread reimplementation correlates consecutive rows of a batch
    in its place, which rests on their order. No heads.

    Args:
        beta: weight. Default 100, this project's, as that of gsp.
        gamma: > 0. Default 0.4 (Peng et al.).
        max_samples: nodes drawn at each step where the batch has more. Default 4096.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "CC"
    year = 2019
    citation = "peng2019correlation"
    uses_hidden = True
    search_space = {"beta": LogRange(1, 1e4)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 100.0,
        gamma: float = 0.4,
        max_samples: int = 4096,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        at_least(self, 0, above=True, gamma=gamma)
        whole(self, max_samples=max_samples, block=block)
        self.beta, self.gamma, self.max_samples, self.block = beta, gamma, max_samples, block

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h_student), self.max_samples)
        if chosen is not None:
            h_student, h_teacher = h_student.index_select(0, chosen), h_teacher.index_select(0, chosen)
        both, rows = [unit_rows(h_student), unit_rows(h_teacher)], len(h_student)
        total = streamed_sum(self._errors, blocks(rows, rows, h_student.device, self.block), both, both)
        return {"cc": total * (self.beta / max(rows, 1) ** 2)}

    def _errors(
        self, rows: slice, student_rows: Tensor, teacher_rows: Tensor, student: Tensor, teacher: Tensor
    ) -> Tensor:
        """Sum of the squared errors of all pairs of a block's rows with all rows."""
        return (self._kernel(student_rows @ student.T) - self._kernel(teacher_rows @ teacher.T)).square().sum()

    def _kernel(self, cosines: Tensor) -> Tensor:
        scaled = 2 * self.gamma * cosines
        return math.exp(-2 * self.gamma) * (1 + scaled * (1 + scaled / 2))
