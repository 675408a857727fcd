"""What is trained of the layer alignment: the attention over pairs of layers, and the projections that are compared.

One tensor holds the matrices of all layers of a network, stacked by rows, so that the number of operations does not
grow with the depth. The teacher's matrices are drawn before the student's: another order would be another start.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

AXES = ("teacher", "student", "pairs")


class StackedLinear(nn.Module):
    """One matrix [d_l, dim] for every layer l, stacked to [sum of d_l, dim]; random orthonormal at the start.

    Args:
        widths: of the layers.
        dim: columns.
        trained: whether the matrices are parameters; else they stay what they are.
    """

    weight: Tensor
    membership: Tensor
    """[L, sum of d_l], a one where a stacked row belongs to a layer: sums over each layer's rows are one product."""

    def __init__(self, widths: Sequence[int], dim: int, trained: bool = True) -> None:
        super().__init__()
        stacked = torch.cat([nn.init.orthogonal_(torch.empty(width, dim)) for width in widths])
        if trained:
            self.weight = nn.Parameter(stacked)
        else:
            self.register_buffer("weight", stacked)
        self.register_buffer("membership", membership(widths), persistent=False)

    def of_means(self, means: Tensor) -> Tensor:
        """Means of all layers over the rows of a batch, side by side [sum of d_l] -> their projections [L, dim]."""
        return self.membership.to(means.dtype) @ (self.weight * means[:, None])


def membership(widths: Sequence[int]) -> Tensor:
    """[L, sum of d_l] with a one where a stacked row belongs to a layer."""
    layer = torch.tensor([number for number, width in enumerate(widths) for _ in range(width)])
    return (torch.arange(len(widths))[:, None] == layer).float()


class LayerAttention(nn.Module):
    """A [L_t, L_s] = softmax of q_i . k_j / sqrt(dim), with q_i = W_i mean_n(T_i) and k_j = U_j mean_n(S_j).

    Args:
        student, teacher: widths of the layers.
        dim: length of queries and keys.
        axis: as of `distribution`.
        apart: whether the last layers of both networks, their logits, meet each other alone, and the others the others.
    """

    apart: Tensor | None
    """[L_t, L_s], -inf where a pair may not meet; None where all may."""

    def __init__(self, student: Sequence[int], teacher: Sequence[int], dim: int, axis: str, apart: bool) -> None:
        super().__init__()
        self.query = StackedLinear(teacher, dim)
        self.key = StackedLinear(student, dim)
        self.axis = axis
        self.register_buffer("apart", logits_apart(len(teacher), len(student)) if apart else None, persistent=False)

    def forward(self, student_means: Tensor, teacher_means: Tensor) -> Tensor:
        """Means of all layers, [sum of d_j] and [sum of d_i] -> A [L_t, L_s], of sum L_t, L_s or 1 by the axis."""
        queries, keys = self.query.of_means(teacher_means), self.key.of_means(student_means)
        root: float = keys.shape[1] ** 0.5
        scores = queries @ keys.T / root
        return distribution(scores if self.apart is None else scores + self.apart, self.axis)


def logits_apart(teacher: int, student: int) -> Tensor:
    """Scores [L_t, L_s] of 0 where both layers are the last of their networks, or neither is; else -inf."""
    last_teacher, last_student = torch.arange(teacher) == teacher - 1, torch.arange(student) == student - 1
    return torch.where(last_teacher[:, None] == last_student, 0.0, -torch.inf)


def distribution(scores: Tensor, axis: str) -> Tensor:
    """Softmax [L_t, L_s] of scores along an axis.

    Args:
        axis: `teacher`: each teacher layer's mass is shared out among the student layers (softmax over j);
            `student`: each student layer's among the teacher layers (softmax over i); `pairs`: one softmax over all.
    """
    if axis == "pairs":
        return scores.flatten().softmax(0).view_as(scores)
    return scores.softmax(1 if axis == "teacher" else 0)


class PairRegressors(nn.Module):
    """R_ji [d_j, d_i] of every pair of layers, side by side in one matrix [sum of d_j, sum of d_i].

    Args:
        student, teacher: widths of the layers.
    """

    of_student: Tensor
    of_teacher: Tensor

    def __init__(self, student: Sequence[int], teacher: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(d, sum(teacher))) for d in student]))
        self.student = list(student)
        for name, widths in (("of_student", student), ("of_teacher", teacher)):
            self.register_buffer(name, membership(widths).T.contiguous(), persistent=False)

    def explained(self, crossed: Tensor, own: Sequence[Tensor], variances: Tensor) -> Tensor:
        """Share of the teacher layers' variances that the regressors explain, [L_t, L_s], at most 1.

        mean_n ||t - R' s||^2 = var(T) - 2 <R, Cov(S, T)> + <R, Cov(S) R>, s and t centred: no tensor of pairs of layers
        and rows.

        Args:
            crossed: Cov(S_j, T_i) of all pairs [sum of d_j, sum of d_i].
            own: Cov(S_j) [d_j, d_j].
            variances: [L_t] of the teacher's layers, summed over their columns.
        """
        weight = self.weight
        fitted = torch.cat([c @ part for c, part in zip(own, weight.split(self.student), strict=True)])
        by_columns = (weight * (2 * crossed - fitted)) @ self.of_teacher.to(weight.dtype)
        return by_columns.T @ self.of_student.to(weight.dtype) / variances[:, None]


class SharedSubspace(nn.Module):
    """V_i and Y_j into a common space of `dim` columns.

    The teacher's V_i stay at their random start: a target that is trained, too, meets the student in the directions
    that are easiest, and says ever less about the teacher. `trained` is that form, for the ablation, with a trainable
    basis P that both sides share and that starts as the identity; P V_i is one [d_i, dim] matrix.

    Args:
        student, teacher: widths of the layers.
        dim: columns of the common space.
        trained: whether V_i is trained and there is a P.
    """

    def __init__(self, student: Sequence[int], teacher: Sequence[int], dim: int, trained: bool = False) -> None:
        super().__init__()
        self.teacher = StackedLinear(teacher, dim, trained)
        self.student = StackedLinear(student, dim)
        self.basis = nn.Parameter(torch.eye(dim)) if trained else None

    def matrices(self) -> tuple[Tensor, Tensor]:
        """(P Y_j)' of all student layers [sum of d_j, dim], and (P V_i)' of all teacher layers [sum of d_i, dim]."""
        student, teacher = self.student.weight, self.teacher.weight
        return (student, teacher) if self.basis is None else (student @ self.basis.T, teacher @ self.basis.T)

    def of_means(self, student_means: Tensor, teacher_means: Tensor) -> tuple[Tensor, Tensor]:
        """Means of all layers -> Y_j mean_n(S_j) [L_s, dim], and V_i mean_n(T_i) [L_t, dim]; for what has no P."""
        return self.student.of_means(student_means), self.teacher.of_means(teacher_means)
