"""ABKD, attention-based knowledge distillation, after Ahluwalia et al. 2023 (arXiv 2310.15938).

The source gives the idea: attention finds the important pairs of teacher and student layers, and those are aligned. The
equations and the defaults are this project's RECONSTRUCTION of it.

T_i [n, d_i], S_j [n, d_j] are the outputs of all layers, the pre-softmax output included. In graph-level tasks the rows
are graphs: node rows are averaged over each graph. With A [L_t, L_s] the attention over pairs, D their dissimilarity,

    loss = beta * <A, D> + gamma * ||P'P - I||^2,      <A, D> = sum_ij A_ij D_ij / sum_ij A_ij,

which for the default axis is mean_i sum_j A_ij D_ij. A: abkd/parts/heads.py. D: abkd/parts/dissimilarity.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from abkd.parts import dissimilarity as dissimilarities
from abkd.parts.heads import AXES, LayerAttention, SharedSubspace
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, layers_of, one_of, whole


class AttentionBasedKD(Method):
    """beta * mean_i sum_j A_ij D_ij + gamma * ||P'P - I||^2 over all pairs of layers.

    The defaults are this project's, not published ones. D lies between 0 and 4, and is 2 for unrelated layers, so
    beta 1 is of the order of the cross-entropy. Its variants fix some of these settings.

    Args:
        dim: columns of the shared subspace, and of queries and keys. Default 64.
        beta: weight of the alignment. Default 1.
        gamma: weight that keeps P near orthonormal. Default 0.1.
        axis: of the attention's softmax. teacher (each teacher layer's mass is shared out among student layers) |
            student | pairs.
        dissimilarity: node | pooled.
        attention: learned | uniform (the uniform distribution along the axis).
        basis: whether there is a P; without it each layer keeps its own projection V_i or Y_j.
        teacher_layers, student_layers: which layers take part, all | last (the pre-softmax output alone).
    """

    title = "ABKD"
    year = 2023
    citation = "ahluwalia2023abkd"
    uses_hidden = True

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        dim: int = 64,
        beta: float = 1.0,
        gamma: float = 0.1,
        axis: str = "teacher",
        dissimilarity: str = "node",
        attention: str = "learned",
        basis: bool = True,
        teacher_layers: str = "all",
        student_layers: str = "all",
    ) -> None:
        super().__init__(teacher, student)
        whole(self, dim=dim)
        at_least(self, 0, beta=beta, gamma=gamma)
        one_of(self, "axis", axis, AXES)
        one_of(self, "dissimilarity", dissimilarity, ("node", "pooled"))
        one_of(self, "attention", attention, ("learned", "uniform"))
        one_of(self, "basis", basis, (True, False))
        one_of(self, "teacher_layers", teacher_layers, ("all", "last"))
        one_of(self, "student_layers", student_layers, ("all", "last"))
        self.dim, self.beta, self.gamma = dim, beta, gamma
        self.axis, self.dissimilarity = axis, dissimilarity
        self._first_teacher = len(teacher.hidden) if teacher_layers == "last" else 0
        self._first_student = len(student.hidden) if student_layers == "last" else 0
        self.teacher_widths = teacher.layers[self._first_teacher :]
        self.student_widths = student.layers[self._first_student :]
        widths = self.teacher_widths, self.student_widths
        self.attention = LayerAttention(*widths, dim, axis) if attention == "learned" else None
        self.subspace: SharedSubspace | None = SharedSubspace(*widths, dim, basis)
        self._weights: Tensor | None = None

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        s, t = layers_of(self, student, teacher, batch)
        s, t = s[self._first_student :], t[self._first_teacher :]
        t_means = batch.memo((id(self), "teacher means"), lambda: _means(t))
        s_means = _means(s)
        weights = self._attend(t_means, s_means)
        self._weights = weights.detach()
        terms = self._align(weights, s, t, s_means, t_means, batch)
        departure = self.subspace.departure() if self.subspace else None
        if departure is not None:
            terms["orthonormality"] = self.gamma * departure
        return terms

    def _attend(self, t_means: Tensor, s_means: Tensor) -> Tensor:
        """A, scaled so that its entries sum to one: a weighted mean of dissimilarities, whatever the axis."""
        shape = len(self.teacher_widths), len(self.student_widths)
        if self.attention is None:
            return s_means.new_full(shape, 1 / (shape[0] * shape[1]))
        total = {"teacher": shape[0], "student": shape[1], "pairs": 1}[self.axis]
        return self.attention(t_means, s_means) / total

    def _align(
        self, weights: Tensor, s: Sequence[Tensor], t: Sequence[Tensor], s_means: Tensor, t_means: Tensor, batch: Batch
    ) -> dict[str, Tensor]:
        """The weighted terms of all pairs; STRIDE adds to them."""
        return {"alignment": self.beta * (weights * self._apart(s, t, s_means, t_means, batch)).sum()}

    def _apart(
        self, s: Sequence[Tensor], t: Sequence[Tensor], s_means: Tensor, t_means: Tensor, batch: Batch
    ) -> Tensor:
        """D [L_t, L_s]."""
        assert self.subspace is not None
        v, y = self.subspace.matrices()
        if self.dissimilarity == "pooled":
            per_t, per_s = self.subspace.teacher.membership, self.subspace.student.membership
            return dissimilarities.pooled(
                per_t.to(v.dtype) @ (v * t_means[:, None]), per_s.to(y.dtype) @ (y * s_means[:, None])
            )
        if dissimilarities.prefers_moments(self.teacher_widths, self.student_widths, self.dim, len(s[0])):
            moments = batch.memo((id(self), "teacher moments"), lambda: dissimilarities.TeacherMoments(t))
            return dissimilarities.by_moments(moments, s, v, y, self.subspace.teacher.membership)
        x, z = self._projected(s, t)
        return dissimilarities.by_rows(x, z)

    def _projected(self, s: Sequence[Tensor], t: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Standardised projections of the teacher's layers [L_t, n, d] and of the student's [L_s, n, d]."""
        assert self.subspace is not None
        v, y = self.subspace.matrices()
        return (
            dissimilarities.standardised(t, v, self.teacher_widths),
            dissimilarities.standardised(s, y, self.student_widths),
        )

    def trace(self) -> dict[str, Tensor]:
        """`attention`: A of the last step on ALL layers, [L_t, L_s], zero for pairs that take no part."""
        if self._weights is None:
            return {}
        weights = self._weights
        total = {"teacher": weights.shape[0], "student": weights.shape[1], "pairs": 1}[self.axis]
        full = weights.new_zeros(len(self.teacher_shape.layers), len(self.student_shape.layers))
        full[self._first_teacher :, self._first_student :] = weights * total
        return {"attention": full}


def _means(layers: Sequence[Tensor]) -> Tensor:
    """Means over rows of all layers, concatenated [sum of d_l]."""
    return torch.cat([layer.mean(0) for layer in layers])
