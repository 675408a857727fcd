"""Probabilistic knowledge transfer: Passalis and Tefas, ECCV 2018."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of, sample, whole
from methods.spaces import LogRange
from methods.streaming import blocks, streamed_sum

SMALLEST = 1e-7
"""Affinities are kept above this, so that their logarithm exists; the authors add it to their shares."""


class ProbabilisticTransfer(Method):
    """beta * mean_n KL(p_T[n] || p_S[n]), with p[n, m] = K_nm / sum_l K_nl and K_nm = (cos(h[n], h[m]) + 1) / 2.

    A node's affinity to itself is part of its row, as in the authors' code. That code averages over all pairs; here the
    sum over m is a KL divergence and only rows are averaged, so that its weight w at batch size N is w / N. The
    matrices of all pairs are walked by blocks of rows. No heads.

    Args:
        beta: weight. Default 100, this project's.
        max_samples: nodes drawn at each step where the batch has more. Default 4096.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "PKT"
    year = 2018
    citation = "passalis2018learning"
    uses_hidden = True
    search_space = {"beta": LogRange(1, 1e4)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 100.0,
        max_samples: int = 4096,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        whole(self, max_samples=max_samples, block=block)
        self.beta, self.max_samples, self.block = beta, max_samples, block

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h_student), self.max_samples)
        if chosen is not None:
            h_student, h_teacher = h_student.index_select(0, chosen), h_teacher.index_select(0, chosen)
        both, rows = [unit_rows(h_student), unit_rows(h_teacher)], len(h_student)
        total = streamed_sum(_divergence, blocks(rows, rows, h_student.device, self.block), both, both)
        return {"pkt": total * (self.beta / max(rows, 1))}


def _divergence(rows: slice, student_rows: Tensor, teacher_rows: Tensor, student: Tensor, teacher: Tensor) -> Tensor:
    """Sum of the KL divergences of a block's rows."""
    of_student, of_teacher = _log_affinity(student_rows, student), _log_affinity(teacher_rows, teacher)
    return (of_teacher.exp() * (of_teacher - of_student)).sum()


def _log_affinity(rows: Tensor, everyone: Tensor) -> Tensor:
    """Logarithms of p [b, m], of a block's unit rows towards all."""
    affinity = ((rows @ everyone.T + 1) / 2).clamp(min=SMALLEST)
    return torch.log(affinity / affinity.sum(1, keepdim=True))
