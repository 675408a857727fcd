"""Hint regression: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.gcrd import Projections
from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY, unit_rows
from methods.pairing import at_least, last_of, one_of, whole
from methods.spaces import LogRange


class FitNet(Method):
    """beta * mean_n || r(h_S)[n] / ||r(h_S)[n]|| - h_T[n] / ||h_T[n]|| ||^2 (Romero et al. eq. 3, on unit rows).

    The regressor r: d_S -> d_T is linear and stands on the student's side only: a trainable teacher side could lower
    the loss by collapsing. `heads: both` is the variant of the published graph benchmark, where each side is projected
    to `projection` columns by the head of G-CRD (linear, batch norm, ReLU).

    Args:
        beta: weight. The published 1000 (Joshi et al. 2022) multiplies an error averaged over nodes AND the 256
            projected columns; here columns are summed, so the same weight is 1000 / 256 = 3.9, the default.
        heads: student | both.
        projection: columns of both projections with `heads: both` (published: 256).
    """

    title = "FitNet"
    year = 2015
    citation = "romero2015fitnets"
    uses_hidden = True
    search_space = {"beta": LogRange(0.1, 100)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 1000 / 256,
        heads: str = "student",
        projection: int = 256,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        whole(self, projection=projection)
        one_of(self, "heads", heads, ("student", "both"))
        self.beta = beta
        own, wide = student.hidden[-1], teacher.hidden[-1]
        self.regressor = nn.Linear(own, wide) if heads == "student" else None
        self.heads = Projections(own, wide, projection) if heads == "both" else None

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        if self.regressor is not None:
            unit_teacher = batch.memo(self, "teacher", lambda: unit_rows(h_teacher))
            return {"fitnet": self.beta * _distances(self.regressor, h_student, unit_teacher).mean()}
        assert self.heads is not None
        if len(h_student) < 2:  # no variance for the batch norm
            return {"fitnet": h_student.sum() * 0}
        projected = self.heads(h_student, h_teacher)
        error = (unit_rows(projected[0]) - unit_rows(projected[1])).square().sum(1)
        return {"fitnet": self.beta * error.mean()}


def _distances(head: nn.Linear, h_student: Tensor, unit_teacher: Tensor) -> Tensor:
    """[n] squared distances between the unit rows of r(h_S) and of the teacher [n, width], which have length 1 or 0.

    With r(h) = W h + c and u a row of the teacher, ||r||^2 = h'(W'W)h + 2 h'(W'c) + c'c and r.u = h'(W'u) + c.u need
    only the d_S columns of a narrow student: r(h) itself, as wide as the teacher, is never formed (five times as fast
    at 16 against 256 columns).
    """
    weight, bias = head.weight, head.bias
    square = ((h_student @ (weight.T @ weight) + 2 * (bias @ weight)) * h_student).sum(1) + bias @ bias
    inverse = torch.rsqrt(square.clamp(min=0) + TINY)
    product = ((unit_teacher @ weight) * h_student).sum(1) + unit_teacher @ bias
    return square * inverse.square() + unit_teacher.square().sum(1) - 2 * product * inverse
