"""How far teacher layer i and student layer j are apart: D [L_t, L_s] for all pairs at once.

It lies between 0 and 2 or 4, but for `regressor`.

`node`. Let the projections V_i T_i and Y_j S_j, [n, d] each, be standardised per column over the n rows (mean 0, mean
square 1). The mean over rows of their squared distance, divided by d, is then mean_k ( 1 + 1 - 2 r_ijk ) with r_ijk the
correlation of column k, so

    D_ij = 2 - 2 mean_k r_ijk,      r = cov / sqrt((var_S + eps) (var_T + eps)).

The two ones hold for every column that varies. A constant column has r = 0: it counts as unrelated (2), not as equal,
so that neither a head nor the student can lower D by shrinking. As r_ijk is at most the largest canonical correlation
rho of T_i and S_j, no choice of heads brings D_ij below 2 - 2 rho.

`regression`. The same with the projection of S_j that fits best, for each pair its own, by least squares instead of by
gradient steps: with C = Cov(S_j, U_i) and U_i the d leading principal components of T_i, scaled to a total variance 1,

    D_ij = 2 - 2 R2_ij,      R2_ij = tr( C' (Cov(S_j) + ridge I)^-1 C ),

the share of the variance of U_i that a linear map of S_j explains. The ridge lets a vanishing S_j explain nothing.

`regressor`. The same with a trained regressor R_ji of every pair, into the teacher's own columns as SemCKD has it (Chen
et al., AAAI 2021): D_ij = 2 mean_n ||t_i - R_ji' s_j||^2 / var(T_i), of centred rows. It is a distance where the others
are correlations: a student must meet the teacher's values, up to its regressor, and D has no upper bound.

What is compared of the teacher stays the same over a training. All take one product with it per step, and no tensor of
L_t x L_s x n values.

`pooled`. The squared distance of the unit vectors of V_i mean_n(T_i) and Y_j mean_n(S_j).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from abkd.parts.heads import PairRegressors
from methods.kernels import unit_rows

EPSILON = 1e-5
"""Added to variances, as batch norm does."""
RIDGE = 1e-3
"""Of the mean variance of a student layer's columns."""


def standardised(layers: Sequence[Tensor], matrices: Tensor) -> Tensor:
    """Layers [n, d_l] and their stacked head matrices [sum of d_l, d] -> standardised projections [L, n, d]."""
    widths = [layer.shape[1] for layer in layers]
    projected = [layer @ matrix for layer, matrix in zip(layers, matrices.split(widths), strict=True)]
    return torch.stack([functional.batch_norm(x, None, None, training=True, eps=EPSILON) for x in projected])


def principal(layers: Sequence[Tensor], dim: int) -> Tensor:
    """The leading principal directions of every layer [n, d_l], stacked as head matrices are: [sum of d_l, dim].

    A layer of fewer columns has zeros behind its own. The largest entry of a direction is positive, so that a machine's
    library cannot choose its sign.
    """
    found = []
    for layer in layers:
        centred = layer - layer.mean(0)
        directions = torch.linalg.eigh(centred.T @ centred)[1][:, -dim:].flip(1)
        largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
        directions = directions * largest.sign()
        found.append(functional.pad(directions, (0, dim - directions.shape[1])))
    return torch.cat(found)


def by_rows(student: Tensor, teacher: Tensor) -> Tensor:
    """Standardised projections [L_s, n, d] and [L_t, n, d] -> D [L_t, L_s] of `node`."""
    return 2 - teacher.flatten(1) @ student.flatten(1).T * (2 / teacher[0].numel())


def components(layers: Sequence[Tensor], dim: int) -> Tensor:
    """The leading principal components of every layer [n, d_i], of a total variance 1, side by side [n, L_t dim].

    A layer of fewer than `dim` columns has zeros behind its own; one that is constant has zeros alone.
    """
    found = []
    for layer in layers:
        centred = layer - layer.mean(0)
        directions = torch.linalg.eigh(centred.T @ centred)[1][:, -dim:]
        leading = centred @ directions
        total = leading.square().mean(0).sum()
        leading = leading * torch.where(total > EPSILON**2, total, torch.inf).rsqrt()
        found.append(functional.pad(leading, (0, dim - leading.shape[1])))
    return torch.cat(found, 1)


def by_regression(student: Sequence[Tensor], values: Tensor, dim: int) -> Tensor:
    """D [L_t, L_s] of `regression`.

    Args:
        student: layers [n, d_j].
        values: the teacher's `components` [n, L_t dim].
        dim: columns of a layer's components.
    """
    explained = []
    crossed, *covariances = _StudentMoments.apply(values, *student)
    for cross, own in zip(crossed.split([layer.shape[1] for layer in student]), covariances, strict=True):
        ridge = RIDGE * own.diagonal().mean() + EPSILON
        # Not `linalg.solve`, which asks a GPU whether it has succeeded.
        factor = torch.linalg.cholesky_ex(own + ridge * torch.eye(len(own), dtype=own.dtype, device=own.device))[0]
        fitted = torch.linalg.solve_triangular(factor, cross, upper=False)
        explained.append(fitted.square().sum(0).view(-1, dim).sum(1))
    return 2 - 2 * torch.stack(explained, 1)


def centred(layers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Layers [n, d_l] side by side, without their means [n, sum of d_l], and the variance of each, over all columns."""
    rows = [layer - layer.mean(0) for layer in layers]
    variances = torch.stack([part.square().sum(1).mean() for part in rows])
    # A layer that is constant explains nothing, and is explained by nothing.
    return torch.cat(rows, 1), torch.where(variances > EPSILON**2, variances, torch.inf)


def by_regressors(student: Sequence[Tensor], rows: Tensor, variances: Tensor, regressors: PairRegressors) -> Tensor:
    """D [L_t, L_s] of `regressor`, from the student's layers [n, d_j] and `centred` of the teacher's."""
    crossed, *own = _StudentMoments.apply(rows, *student)
    return 2 - 2 * regressors.explained(crossed, own, variances)


class _StudentMoments(torch.autograd.Function):
    """Covariances of the student's layers with fixed centred rows, [sum of d_j, columns], and each Cov(S_j).

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


def pooled(student_means: Tensor, teacher_means: Tensor) -> Tensor:
    """Projected means [L_s, d], [L_t, d] -> squared distances of their unit vectors, D [L_t, L_s]."""
    return (unit_rows(teacher_means)[:, None] - unit_rows(student_means)[None]).square().sum(-1)
