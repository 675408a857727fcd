"""Similarity-preserving distillation: Tung and Mori, ICCV 2019."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY
from methods.pairing import at_least, last_of


class SimilarityPreserving(Method):
    """beta * mean_i || g_S[i] / ||g_S[i]|| - g_T[i] / ||g_T[i]|| ||^2, with g[i] the i-th row of G = h h'.

    The published sum over rows is divided by n^2 (eq. 4 of Tung and Mori) and fades as the batch grows; here it is a
    mean over rows, so that their weight gamma at batch size b is gamma / b. No n x n matrix is formed: with
    A = h_S'h_S and B = h_S'h_T, ||g_S[i]||^2 = h_S[i] A h_S[i]' and g_S[i].g_T[i] = h_S[i] B h_T[i]'.

    Args:
        beta: weight. Default 20, this project's.
    """

    title = "SP"
    year = 2019
    citation = "tung2019similarity"
    uses_hidden = True

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 20.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h, target = last_of(self, student, teacher, batch)
        theirs = batch.memo((id(self), "teacher"), lambda: _lengths(target))
        mine = _lengths(h)
        product = (h @ (h.T @ target) * target).sum(1)
        # A row of zeros stays a row of zeros, whose squared distance to a unit row is 1.
        present, expected = ((x > 0).to(h.dtype) for x in (mine, theirs))
        cosine = product * torch.rsqrt((mine + TINY) * (theirs + TINY))
        return {"sp": self.beta * (present + expected - 2 * cosine).mean()}


def _lengths(h: Tensor) -> Tensor:
    """[n] squared lengths of the rows of h h'."""
    return ((h @ (h.T @ h)) * h).sum(1)
