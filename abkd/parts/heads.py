"""Trainable parts of the layer alignment: the attention over pairs of layers, and the shared subspace.

One parameter holds the matrices of all layers of a network, stacked by rows, so that the number of operations does not
grow with the depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

AXES = ("teacher", "student", "pairs")


class StackedLinear(nn.Module):
    """One matrix [d_l, dim] for every layer l, stacked to [sum of d_l, dim]."""

    membership: Tensor

    def __init__(self, widths: Sequence[int], dim: int) -> None:
        super().__init__()
        self.widths = list(widths)
        blocks = [nn.init.orthogonal_(torch.empty(width, dim)) for width in widths]
        self.weight = nn.Parameter(torch.cat(blocks))
        # [L, sum of d_l] with a one where a row belongs to a layer: sums over each layer's rows are one product.
        layer = torch.repeat_interleave(torch.arange(len(widths)), torch.tensor(self.widths))
        self.register_buffer("membership", nn.functional.one_hot(layer, len(widths)).T.float(), persistent=False)

    def of_means(self, means: Tensor) -> Tensor:
        """Means of all layers, concatenated [sum of d_l] -> each layer's projected mean [L, dim]."""
        return self.membership.to(means.dtype) @ (self.weight * means[:, None])


class LayerAttention(nn.Module):
    """A [L_t, L_s] = softmax of q_i . k_j / sqrt(dim), with q_i = W_i mean_n(T_i) and k_j = U_j mean_n(S_j).

    Args:
        teacher, student: widths of the layers.
        dim: length of queries and keys.
        axis: `teacher`: each teacher layer's mass is shared out among the student layers (softmax over j);
            `student`: each student layer's among the teacher layers (softmax over i); `pairs`: one softmax over all.
    """

    def __init__(self, teacher: Sequence[int], student: Sequence[int], dim: int, axis: str) -> None:
        super().__init__()
        self.query = StackedLinear(teacher, dim)
        self.key = StackedLinear(student, dim)
        self.axis = axis

    def forward(self, teacher_means: Tensor, student_means: Tensor) -> Tensor:
        """Concatenated means [sum d_i], [sum d_j] -> A [L_t, L_s], of sum L_t, L_s or 1 according to the axis."""
        queries, keys = self.query.of_means(teacher_means), self.key.of_means(student_means)
        scores = queries @ keys.T / keys.shape[1] ** 0.5
        if self.axis == "pairs":
            return scores.flatten().softmax(0).view_as(scores)
        return scores.softmax(1 if self.axis == "teacher" else 0)


class SharedSubspace(nn.Module):
    """V_i and Y_j into a common space of `dim` columns, and its trainable basis P, which starts as the identity.

    P is folded into the small matrices: V_i then P is one [d_i, dim] matrix, applied once to the rows.
    """

    def __init__(self, teacher: Sequence[int], student: Sequence[int], dim: int, basis: bool) -> None:
        super().__init__()
        self.teacher = StackedLinear(teacher, dim)
        self.student = StackedLinear(student, dim)
        self.basis = nn.Parameter(torch.eye(dim)) if basis else None

    def matrices(self) -> tuple[Tensor, Tensor]:
        """(P V_i)' of all layers [sum d_i, dim], and (P Y_j)' [sum d_j, dim]."""
        v, y = self.teacher.weight, self.student.weight
        return (v, y) if self.basis is None else (v @ self.basis.T, y @ self.basis.T)

    def departure(self) -> Tensor | None:
        """||P'P - I||^2, the price of leaving the orthonormal matrices; None without P."""
        if self.basis is None:
            return None
        gram = self.basis.T @ self.basis
        return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum()
