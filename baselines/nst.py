"""Neuron selectivity transfer: Huang and Wang, "Like What You Like", 2017."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of
from methods.spaces import LogRange


class NeuronSelectivity(Method):
    """beta / 2 * MMD^2 between the sets of columns of h_S and h_T, with the kernel k(a, b) = (a.b)^2 on unit columns.

    A column says on which nodes a neuron is active, as a channel's map does over the pixels of an image:
    MMD^2 = mean k(t, t') + mean k(s, s') - 2 mean k(s, t) over all pairs of columns (polynomial kernel of degree 2 and
    offset 0). No heads, so the two widths may differ.

    Args:
        beta: weight. Default 50 (Huang and Wang, for this kernel).
    """

    title = "NST"
    year = 2017
    citation = "huang2017like"
    uses_hidden = True
    search_space = {"beta": LogRange(0.5, 500)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 50.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        unit_teacher = batch.memo(self, "teacher", lambda: functional.normalize(h_teacher, dim=0))
        of_teacher = batch.memo(self, "teacher kernel", lambda: _kernel_mean(unit_teacher, unit_teacher))
        unit_student = functional.normalize(h_student, dim=0, eps=1e-6)
        discrepancy = (
            of_teacher + _kernel_mean(unit_student, unit_student) - 2 * _kernel_mean(unit_student, unit_teacher)
        )
        return {"nst": self.beta / 2 * discrepancy}


def _kernel_mean(a: Tensor, b: Tensor) -> Tensor:
    """Mean of k over all pairs of columns of two matrices."""
    return (a.T @ b).square().mean()
