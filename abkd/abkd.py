"""ABKD, attention-based knowledge distillation, after Ahluwalia et al. 2023 (arXiv 2310.15938).

The source gives the idea: attention finds the important pairs of teacher and student layers, and those are aligned. The
equations and the defaults are this project's RECONSTRUCTION of it.

T_i [n, d_i], S_j [n, d_j] are the outputs of all layers, the pre-softmax output included. In graph-level tasks the rows
are graphs: node rows are averaged over each graph. Every pair of layers has

    attention      A_ij = softmax over j of q_i . k_j / sqrt(d),     q_i = W_i mean_n(T_i),  k_j = U_j mean_n(S_j),
    dissimilarity  D_ij = mean_n ||P V_i T_i[n] - P Y_j S_j[n]||^2 / d,    projections standardised per column,

with d columns in the common space and trained W, U, V, Y and P (abkd/parts/heads.py, abkd/parts/dissimilarity.py), and

    loss = beta * <A, D> + gamma * ||P'P - I||^2,      <A, D> = sum_ij A_ij D_ij / sum_ij A_ij,

which for the default axis is beta * mean_i sum_j A_ij D_ij and the price of leaving an orthonormal P.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from abkd.parts import dissimilarity as compare
from abkd.parts.heads import AXES, LayerAttention, SharedSubspace
from abkd.parts.layers import Layers
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
        self._first_student = len(student.hidden) if student_layers == "last" else 0
        self._first_teacher = len(teacher.hidden) if teacher_layers == "last" else 0
        self.student_widths = student.layers[self._first_student :]
        self.teacher_widths = teacher.layers[self._first_teacher :]
        widths = self.student_widths, self.teacher_widths
        self.attention = LayerAttention(*widths, dim, axis) if attention == "learned" else None
        self.subspace: SharedSubspace | None = SharedSubspace(*widths, dim, basis)
        self._last_weights: Tensor | None = None

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        layers = self._layers(student, teacher, batch)
        weights = self._weights(layers)
        self._last_weights = weights.detach()
        terms = self.weighted_terms(weights, layers, batch)
        departure = self.subspace.departure() if self.subspace else None
        if departure is not None:
            terms["orthonormality"] = self.gamma * departure
        return terms

    def _layers(self, student: Signals, teacher: Signals, batch: Batch) -> Layers:
        """The layers that take part; the teacher's means are taken once per Batch object."""
        all_student, all_teacher = layers_of(self, student, teacher, batch)
        of_student, of_teacher = all_student[self._first_student :], all_teacher[self._first_teacher :]
        teacher_means = batch.memo(self, "teacher means", lambda: _means(of_teacher))
        return Layers(of_student, of_teacher, _means(of_student), teacher_means)

    def _weights(self, layers: Layers) -> Tensor:
        """A [L_t, L_s] scaled so that its entries sum to one: weights of a mean over pairs, whatever the axis."""
        if self.attention is None:
            shape = len(layers.teacher), len(layers.student)
            return layers.student_means.new_full(shape, 1 / (shape[0] * shape[1]))
        attention: Tensor = self.attention(layers.student_means, layers.teacher_means)
        return attention / self._mass

    @property
    def _mass(self) -> int:
        """Sum of all entries of A: one per distribution, of which the axis makes L_t, L_s or 1."""
        return {"teacher": len(self.teacher_widths), "student": len(self.student_widths), "pairs": 1}[self.axis]

    def weighted_terms(self, weights: Tensor, layers: Layers, batch: Batch) -> dict[str, Tensor]:
        """The terms that A weighs over all pairs of layers; STRIDE has others.

        Args:
            weights: A [L_t, L_s], of sum one.
            layers: of both networks.
            batch: where a method may remember what depends on the teacher alone.
        """
        return {"alignment": self.beta * (weights * self.dissimilarities(layers, batch)).sum()}

    def dissimilarities(self, layers: Layers, batch: Batch) -> Tensor:
        """D [L_t, L_s]."""
        assert self.subspace is not None
        if self.dissimilarity == "pooled":
            return compare.pooled(*self.subspace.of_means(layers.student_means, layers.teacher_means))
        if compare.prefers_moments(self.student_widths, self.teacher_widths, self.dim, layers.rows):
            moments = batch.memo(self, "teacher moments", lambda: compare.TeacherMoments(layers.teacher))
            return compare.by_moments(
                layers.student, moments, *self.subspace.matrices(), self.subspace.teacher.membership
            )
        return compare.by_rows(*self.projections(layers))

    def projections(self, layers: Layers) -> tuple[Tensor, Tensor]:
        """Standardised projections of the student's layers [L_s, n, dim] and of the teacher's [L_t, n, dim]."""
        assert self.subspace is not None
        student_matrices, teacher_matrices = self.subspace.matrices()
        of_teacher = compare.standardised(layers.teacher, teacher_matrices)
        return compare.standardised(layers.student, student_matrices), of_teacher

    def trace(self) -> dict[str, Tensor]:
        """`attention`: A of the last step on ALL layers, [L_t, L_s], zero for pairs that take no part."""
        if self._last_weights is None:
            return {}
        full = self._last_weights.new_zeros(len(self.teacher_shape.layers), len(self.student_shape.layers))
        full[self._first_teacher :, self._first_student :] = self._last_weights * self._mass
        return {"attention": full}


def _means(layers: Sequence[Tensor]) -> Tensor:
    """Means over rows of all layers, side by side [sum of d_l]."""
    return torch.cat([layer.mean(0) for layer in layers])
