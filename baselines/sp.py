"""Similarity-preserving distillation: Tung and Mori, ICCV 2019."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY
from methods.pairing import at_least, last_of
from methods.spaces import LogRange


class SimilarityPreserving(Method):
    """beta * mean_n || G_S[n] / ||G_S[n]|| - G_T[n] / ||G_T[n]|| ||^2, with G[n] the row of node n in G = h h'.

    The published sum over rows is divided by the square of the batch size (eq. 4 of Tung and Mori) and fades as the
    batch grows; here it is a mean over rows, so that their weight gamma at batch size N is gamma / N. No matrix of all
    pairs is formed: ||G_S[n]||^2 = h_S[n] (h_S'h_S) h_S[n]' and G_S[n].G_T[n] = h_S[n] (h_S'h_T) h_T[n]'.

    Args:
        beta: weight. Default 20, this project's.
    """

    title = "SP"
    year = 2019
    citation = "tung2019similarity"
    uses_hidden = True
    search_space = {"beta": LogRange(0.2, 2e3)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 20.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        teacher_lengths = batch.memo(self, "teacher", lambda: _square_lengths(h_teacher))
        student_lengths = _square_lengths(h_student)
        product = (h_student @ (h_student.T @ h_teacher) * h_teacher).sum(1)
        # A row of zeros stays a row of zeros, whose squared distance to a unit row is 1.
        in_student, in_teacher = ((x > 0).to(h_student.dtype) for x in (student_lengths, teacher_lengths))
        cosine = product * torch.rsqrt((student_lengths + TINY) * (teacher_lengths + TINY))
        return {"sp": self.beta * (in_student + in_teacher - 2 * cosine).mean()}


def _square_lengths(h: Tensor) -> Tensor:
    """[n] squared lengths of the rows of h h'."""
    return ((h @ (h.T @ h)) * h).sum(1)
