"""How far teacher layer i and student layer j are apart in the shared subspace: D [L_t, L_s] for all pairs at once.

`node`. Let the projections P V_i T_i and P Y_j S_j, [n, d] each, be standardised per column over the n rows (mean 0,
mean square 1). The mean over rows of their squared distance, divided by d, is then mean_k ( 1 + 1 - 2 r_ijk ) with
r_ijk the correlation of column k, so

    D_ij = 2 - 2 mean_k r_ijk,      r = cov / sqrt((var_S + eps) (var_T + eps)).

The two ones hold for every column that varies. A constant column has r = 0: it counts as unrelated (2), not as equal,
so that neither a head nor the student can lower D by shrinking. As r_ijk is at most the largest canonical correlation
rho of T_i and S_j, no choice of heads brings D_ij below 2 - 2 rho.

Two ways to the same numbers, chosen by their cost (`prefers_moments`):

- rows: project and standardise the n rows of every layer, then one [L_t, n d] x [n d, L_s] product.
- moments: with a column v of a teacher's small head matrix and a column u of a student's, cov = v' Cov(T_i, S_j) u,
  var_T = v' Cov(T_i) v, var_S = u' Cov(S_j) u. Cov(T_i) is known once and for all, and no head ever touches n rows:
  right for narrow students.

`pooled`. The squared distance of the unit vectors of P V_i mean_n(T_i) and P Y_j mean_n(S_j).
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


def prefers_moments(student: Sequence[int], teacher: Sequence[int], dim: int, rows: int) -> bool:
    """Whether `by_moments` needs fewer multiplications than `by_rows` for these widths."""
    of_student, of_teacher = sum(student), sum(teacher)
    rowwise = rows * dim * (of_student + of_teacher + len(student) * len(teacher))
    moments = rows * of_student * (of_student + of_teacher)
    moments += dim * (of_student * of_teacher + sum(width**2 for width in teacher))
    return moments < rowwise


def standardised(layers: Sequence[Tensor], matrices: Tensor) -> Tensor:
    """Layers [n, d_l] and their stacked head matrices [sum of d_l, d] -> standardised projections [L, n, d]."""
    widths = [layer.shape[1] for layer in layers]
    projected = [layer @ matrix for layer, matrix in zip(layers, matrices.split(widths), strict=True)]
    return torch.stack([functional.batch_norm(x, None, None, training=True, eps=EPSILON) for x in projected])


def by_rows(student: Tensor, teacher: Tensor) -> Tensor:
    """Standardised projections [L_s, n, d] and [L_t, n, d] -> D [L_t, L_s]."""
    return 2 - teacher.flatten(1) @ student.flatten(1).T * (2 / teacher[0].numel())


class TeacherMoments:
    """What `by_moments` keeps of a fixed teacher: centred layers side by side [n, sum of d_i], and each Cov(T_i)."""

    def __init__(self, layers: Sequence[Tensor]) -> None:
        self.rows = torch.cat(list(layers), 1)
        self.rows -= self.rows.mean(0)
        n = len(self.rows)
        self.widths = [layer.shape[1] for layer in layers]
        self.covariances = [part.T @ part / n for part in self.rows.split(self.widths, 1)]


def by_moments(
    student: Sequence[Tensor],
    teacher: TeacherMoments,
    student_matrices: Tensor,
    teacher_matrices: Tensor,
    teacher_membership: Tensor,
) -> Tensor:
    """D [L_t, L_s] from covariances alone.

    Args:
        student: layers [n, d_j].
        teacher: moments of the teacher's layers.
        student_matrices, teacher_matrices: stacked head matrices [sum of d_j, d], [sum of d_i, d].
        teacher_membership: [L_t, sum of d_i], a one where a stacked row belongs to a layer.
    """
    dim = teacher_matrices.shape[1]
    of_teacher = torch.cat(
        [
            _normalised(matrix, covariance)
            for matrix, covariance in zip(teacher_matrices.split(teacher.widths), teacher.covariances, strict=True)
        ]
    )
    crossed, *own = _StudentMoments.apply(teacher.rows, *student)
    widths = [layer.shape[1] for layer in student]
    correlations = []
    for cross, covariance, matrix in zip(crossed.split(widths), own, student_matrices.split(widths), strict=True):
        of_student = _normalised(matrix, covariance)
        correlations.append(((cross.T @ of_student) * of_teacher).sum(1))
    return 2 - (teacher_membership.to(of_teacher.dtype) @ torch.stack(correlations, 1)) * (2 / dim)


class _StudentMoments(torch.autograd.Function):
    """Covariances of the student's layers with a teacher's centred rows, [sum of d_j, sum of d_i], and each Cov(S_j).

    Forward and backward work on one centred copy that holds the layers' columns as rows, the layout in which products
    of thin matrices run fastest. Centring costs no pass of its own backwards: the gradients of covariances are already
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


def pooled(student_means: Tensor, teacher_means: Tensor) -> Tensor:
    """Projected means [L_s, d], [L_t, d] -> squared distances of their unit vectors, D [L_t, L_s]."""
    return (unit_rows(teacher_means)[:, None] - unit_rows(student_means)[None]).square().sum(-1)
