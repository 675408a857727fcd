"""Centred kernel alignment as a distillation loss, after Kornblith, Norouzi, Lee and Hinton, ICML 2019."""

from __future__ import annotations

from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY
from methods.pairing import at_least, last_of
from methods.spaces import LogRange


class KernelAlignment(Method):
    """beta * (1 - CKA(h_S, h_T)), linear CKA = ||T'S||^2 / (||S'S|| ||T'T||) on centred columns.

    CKA was published as a measure of similarity of representations that ignores rotations and scale; here the student
    maximises it. No heads.

    Args:
        beta: weight. Default 1, this project's.
    """

    title = "CKA"
    year = 2019
    citation = "kornblith2019similarity"
    uses_hidden = True
    search_space = {"beta": LogRange(0.05, 20)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        teacher_columns = batch.memo(self, "teacher", lambda: _normalised(h_teacher))
        return {"cka": self.beta * (1 - (_normalised(h_student).T @ teacher_columns).square().sum())}


def _normalised(h: Tensor) -> Tensor:
    """Centred columns of h [n, d], scaled so that ||h'h|| = 1."""
    h = h - h.mean(0)
    return h * (h.T @ h).square().sum().add(TINY).pow(-0.25)
