"""How far teacher layer i and student layer j are apart in the shared subspace: D [L_t, L_s] for all pairs at once.

`node`. Let x_i = P V_i T_i and y_j = P Y_j S_j, [n, d] each, standardised per column over the n nodes (mean 0, mean
square 1). Then mean_n ||x_i - y_j||^2 / d = mean_k ( 1 + 1 - 2 r_ijk ) with r_ijk the correlation of column k, so

    D_ij = 2 - 2 mean_k r_ijk,      r = c / sqrt((v + eps) (w + eps)),

v, w the two columns' variances and c their covariance. The two ones hold for every column that varies. A constant
column has r = 0: it counts as unrelated (2), not as equal, so that neither a head nor the student can lower D by
shrinking. As r_ijk is at most the largest canonical correlation rho of T_i and S_j, no choice of heads brings D_ij
below 2 - 2 rho.

Two ways to the same numbers, chosen by their cost (`prefers_moments`):

- rows: project and standardise the n rows of every layer, then one [L_t, n d] x [n d, L_s] product.
- moments: c = a' Cov(T_i, S_j) b, v = a' Cov(T_i) a, w = b' Cov(S_j) b for the columns a, b of the small head matrices.
  Cov(T_i) is known once and for all, and no head ever touches n rows: right for narrow students.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from methods.kernels import unit_rows

EPSILON = 1e-5
"""Added to variances, as batch norm does."""


def prefers_moments(teacher: Sequence[int], student: Sequence[int], dim: int, rows: int) -> bool:
    """Whether `by_moments` needs fewer multiplications than `by_rows` for these widths."""
    t, s = sum(teacher), sum(student)
    rowwise = rows * dim * (t + s + len(teacher) * len(student))
    moments = rows * s * (t + s) + dim * (t * s + sum(d * d for d in teacher))
    return moments < rowwise


def standardised(layers: Sequence[Tensor], matrices: Tensor, widths: Sequence[int]) -> Tensor:
    """Layers [n, d_l] and their stacked head matrices [sum d_l, d] -> standardised projections [L, n, d]."""
    projected = [h @ m for h, m in zip(layers, matrices.split(list(widths)), strict=True)]
    return torch.stack([functional.batch_norm(x, None, None, training=True, eps=EPSILON) for x in projected])


def by_rows(x: Tensor, y: Tensor) -> Tensor:
    """Standardised projections [L_t, n, d] and [L_s, n, d] -> D [L_t, L_s]."""
    return 2 - x.flatten(1) @ y.flatten(1).T * (2 / x[0].numel())


class TeacherMoments:
    """What `by_moments` keeps of a fixed teacher: all layers side by side, centred [n, sum d_i], and each Cov(T_i)."""

    def __init__(self, layers: Sequence[Tensor]) -> None:
        self.rows = torch.cat(list(layers), 1)
        self.rows -= self.rows.mean(0)
        n = len(self.rows)
        self.widths = [layer.shape[1] for layer in layers]
        self.covariances = [part.T @ part / n for part in self.rows.split(self.widths, 1)]


def by_moments(
    teacher: TeacherMoments,
    student: Sequence[Tensor],
    teacher_matrices: Tensor,
    student_matrices: Tensor,
    per_layer: Tensor,
) -> Tensor:
    """D [L_t, L_s] from covariances alone.

    Args:
        teacher: of the teacher's layers.
        student: layers [n, d_j].
        teacher_matrices, student_matrices: stacked head matrices [sum d_i, d], [sum d_j, d].
        per_layer: [L_t, sum d_i], a one where a stacked row belongs to a layer.
    """
    dim = teacher_matrices.shape[1]
    a = torch.cat(
        [
            _normalised(m, covariance)
            for m, covariance in zip(teacher_matrices.split(teacher.widths), teacher.covariances, strict=True)
        ]
    )
    crossed, *own = _StudentMoments.apply(teacher.rows, *student)
    widths = [layer.shape[1] for layer in student]
    columns = []
    for cross, covariance, m in zip(crossed.split(widths), own, student_matrices.split(widths), strict=True):
        b = _normalised(m, covariance)
        columns.append(((cross.T @ b) * a).sum(1))
    return 2 - (per_layer.to(a.dtype) @ torch.stack(columns, 1)) * (2 / dim)


class _StudentMoments(torch.autograd.Function):
    """Covariances of the student's layers with a teacher's centred rows, [sum d_j, sum d_i], and each Cov(S_j).

    Both directions work on one centred copy that holds the layers' columns as rows, the layout in which products of
    thin matrices run fastest. Centring costs no pass of its own backwards: the gradients of covariances are already
    orthogonal to constants.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, *layers: Tensor) -> tuple[Tensor, ...]:
        ctx.widths = [layer.shape[1] for layer in layers]
        columns = torch.cat([layer.T for layer in layers])
        columns -= columns.mean(1, keepdim=True)
        ctx.save_for_backward(rows, columns)
        n = len(rows)
        return columns @ rows / n, *(part @ part.T / n for part in columns.split(ctx.widths))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        rows, columns = ctx.saved_tensors
        crossed, *own = upstream
        n = len(rows)
        gradients = ((crossed / n) @ rows.T).split(ctx.widths)
        for gradient, part, upon in zip(gradients, columns.split(ctx.widths), own, strict=True):
            gradient.addmm_(upon + upon.T, part, alpha=1 / n)
        return None, *(gradient.T for gradient in gradients)


def _normalised(matrix: Tensor, covariance: Tensor) -> Tensor:
    """Head matrix [d_l, d] scaled so that each projected column has variance one (up to EPSILON)."""
    variance = ((covariance @ matrix) * matrix).sum(0)
    return matrix * torch.rsqrt(variance.clamp(min=0) + EPSILON)


def pooled(teacher_means: Tensor, student_means: Tensor) -> Tensor:
    """Projected means [L_t, d], [L_s, d] -> squared distances of their unit vectors, D [L_t, L_s]."""
    a, b = unit_rows(teacher_means), unit_rows(student_means)
    return (a[:, None] - b[None]).square().sum(-1)
