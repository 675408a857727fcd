"""Graph contrastive representation distillation: Joshi et al., TNNLS 2022."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of, sample, whole
from methods.spaces import LogRange
from methods.streaming import blocks, streamed_sum


class ProjectionHead(nn.Sequential):
    """Linear + batch norm + ReLU, [n, d] -> [n, width]; the projection of G-CRD (Joshi et al. 2022)."""

    def __init__(self, columns: int, width: int) -> None:
        # The bias would be removed by the batch norm's mean: it could never receive a gradient.
        super().__init__(nn.Linear(columns, width, bias=False), nn.BatchNorm1d(width), nn.ReLU())


class Projections(nn.Module):
    """A head for each side, both trained: ([n, d_S], [n, d_T]) -> two of [n, width]."""

    def __init__(self, student: int, teacher: int, width: int) -> None:
        super().__init__()
        self.student, self.teacher = ProjectionHead(student, width), ProjectionHead(teacher, width)

    def forward(self, h_student: Tensor, h_teacher: Tensor) -> tuple[Tensor, Tensor]:
        return self.student(h_student), self.teacher(h_teacher)


class ContrastiveRepresentation(Method):
    """beta * mean_n of -log( exp(s_n . t_n / tau2) / sum_m exp(s_n . t_m / tau2) ).

    s, t are the unit rows of the student's and the teacher's projections (linear + batch norm + ReLU, both trained):
    a student row must recognise its own teacher row among those of all sampled nodes, by cross-entropy. The logits of
    all pairs of nodes are walked by blocks of rows.

    Args:
        beta: weight. Default 0.1 (Joshi et al. 2022; .01 to .05 beside kd).
        tau2: temperature > 0. Default 0.075 (the same; grid .05, .075, .1).
        projection: columns of both projections. Default 256.
        max_samples: nodes drawn at each step where the batch has more. Default 16384.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "G-CRD"
    year = 2022
    citation = "joshi2022representation"
    uses_hidden = True
    depends_on_rows = True
    search_space = {"beta": LogRange(0.01, 10), "tau2": (0.05, 0.075, 0.1)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 0.1,
        tau2: float = 0.075,
        projection: int = 256,
        max_samples: int = 16384,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        at_least(self, 0, above=True, tau2=tau2)
        whole(self, projection=projection, max_samples=max_samples, block=block)
        self.beta = beta
        self.tau2 = tau2
        self.max_samples = max_samples
        self.block = block
        self.heads = Projections(student.hidden[-1], teacher.hidden[-1], projection)

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        if len(h_student) < 2:  # no negatives, and no variance for the batch norm
            return {"gcrd": h_student.sum() * 0}
        chosen = sample(batch, len(h_student), self.max_samples)
        if chosen is not None:
            h_student, h_teacher = h_student.index_select(0, chosen), h_teacher.index_select(0, chosen)
        of_student, of_teacher = self.heads(h_student, h_teacher)
        unit_student, unit_teacher = unit_rows(of_student) / self.tau2, unit_rows(of_teacher)
        rows = len(h_student)
        own = torch.arange(rows, device=h_student.device)
        slices = blocks(rows, rows, h_student.device, self.block)
        return {"gcrd": streamed_sum(_cross_entropy, slices, [unit_student, own], [unit_teacher]) * (self.beta / rows)}


def _cross_entropy(rows: slice, student: Tensor, own: Tensor, teacher: Tensor) -> Tensor:
    """Of a block's student rows [b, d], each against all teacher rows [m, d]; `own` [b] is the right one."""
    return functional.cross_entropy(student @ teacher.T, own, reduction="sum")
