"""Contrastive representation distillation (CRD): Tian, Krishnan and Isola, ICLR 2020; without its memory bank."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of, sample, whole
from methods.spaces import LogRange
from methods.streaming import blocks, streamed_sum


class ContrastiveDistillation(Method):
    """beta * mean_n of -log softmax_m(s_n . t_m / tau2)[n] - log softmax_m(t_n . s_m / tau2)[n].

    s, t are unit rows of linear maps of the last hidden states, both trained. Each side is the anchor once, as in the
    paper: a student row must find its own teacher row among all, and a teacher row its own student row.

    Departures. Tian et al. draw the negatives from a memory of all rows' past embeddings, which asks for ids of rows
    that last; here they are the rows of the batch, all nodes of a full graph. With those at hand the cross-entropy
    over all of them takes the place of noise contrastive estimation with K of them. `gcrd` is the form with one anchor
    and deeper heads.

    Args:
        beta: weight. Default 0.8 (Tian et al.).
        tau2: temperature > 0. Default 0.07 (the same).
        projection: columns of both maps. Default 128 (the same).
        max_samples: nodes drawn at each step where the batch has more, all of them anchors and negatives. Default 1024,
            which are as many pairs as the authors' 64 anchors with 16384 negatives each.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "CRD"
    year = 2020
    citation = "tian2020contrastive"
    uses_hidden = True
    depends_on_rows = True
    search_space = {"beta": LogRange(0.01, 10), "tau2": (0.05, 0.07, 0.1)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 0.8,
        tau2: float = 0.07,
        projection: int = 128,
        max_samples: int = 1024,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        at_least(self, 0, above=True, tau2=tau2)
        whole(self, projection=projection, max_samples=max_samples, block=block)
        self.beta, self.tau2, self.max_samples, self.block = beta, tau2, max_samples, block
        self.student_head = nn.Linear(student.hidden[-1], projection)
        self.teacher_head = nn.Linear(teacher.hidden[-1], projection)

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h_student), self.max_samples)
        if chosen is not None:
            h_student, h_teacher = h_student.index_select(0, chosen), h_teacher.index_select(0, chosen)
        of_student, of_teacher = unit_rows(self.student_head(h_student)), unit_rows(self.teacher_head(h_teacher))
        rows = len(h_student)
        own = torch.arange(rows, device=h_student.device)
        slices = blocks(rows, rows, h_student.device, self.block)
        total = streamed_sum(_cross_entropy, slices, [of_student / self.tau2, own], [of_teacher])
        total = total + streamed_sum(_cross_entropy, slices, [of_teacher / self.tau2, own], [of_student])
        return {"crd": total * (self.beta / max(rows, 1))}


def _cross_entropy(rows: slice, anchors: Tensor, own: Tensor, others: Tensor) -> Tensor:
    """Of a block's anchors [b, d], each against all rows of the other side [m, d]; `own` [b] is the right one."""
    return functional.cross_entropy(anchors @ others.T, own, reduction="sum")
