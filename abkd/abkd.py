"""ABKD, attention-based knowledge distillation, after Ahluwalia et al. 2023 (arXiv 2310.15938).

The source gives the idea: attention finds the important pairs of teacher and student layers, and those are aligned. The
equations and the defaults are this project's RECONSTRUCTION of it.

T_i [n, d_i] and S_j [n, d_j] are the outputs of all layers, the pre-softmax output included. In graph-level tasks the
rows are graphs: node rows are averaged over each graph. Every pair of layers has

    attention      A_ij = softmax over j of q_i . k_j / sqrt(d),     q_i = W_i mean_n(T_i),  k_j = U_j mean_n(S_j),
    dissimilarity  D_ij = mean_n ||V_i T_i[n] - Y_j S_j[n]||^2 / d,    projections standardised per column,

with d columns in the common space and trained W, U and Y (abkd/parts/heads.py, abkd/parts/dissimilarity.py). V_i, which
makes the teacher's values, is a fixed random orthonormal matrix: no trained parameter may choose what is compared of
the teacher, as in AFD (Ji et al., AAAI 2021) and SemCKD (Chen et al., AAAI 2021). And

    loss = beta * <A, D>,      <A, D> = sum_ij A_ij D_ij / sum_ij A_ij,

which for the default axis is beta * mean_i sum_j A_ij D_ij.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from abkd.parts import dissimilarity as compare
from abkd.parts.heads import AXES, LayerAttention, PairRegressors, SharedSubspace, distribution, logits_apart
from abkd.parts.layers import Layers
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, layers_of, one_of, whole
from methods.spaces import LogRange

WARM_UP = 0.2
"""Share of the epochs."""
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda epoch, epochs: 1.0,
    "warm-up": lambda epoch, epochs: min(1.0, epoch / (WARM_UP * epochs)),
    "decay": lambda epoch, epochs: 1 - (epoch - 1) / epochs,
}
"""Factor of beta in an epoch, counted from 1."""


class AttentionBasedKD(Method):
    """beta * mean_i sum_j A_ij D_ij over all pairs of layers.

    The defaults are this project's, not published ones. D lies between 0 and 4, and is 2 for unrelated layers (between
    0 and 2 with `regression`, without an upper bound with `regressor`). Its variants fix some of these settings.

    Args:
        dim: columns of the compared projections, and of queries and keys; by default a quarter of the teacher's widest
            layer, at least 8. Few directions say little of a wide layer; an epoch's time grows with them.
        beta: weight of the alignment. Default 10.
        axis: of the attention's softmax. teacher (each teacher layer's mass is shared out among student layers) |
            student | pairs.
        dissimilarity: node | regression | regressor | pooled; see abkd/parts/dissimilarity.py.
        values: what V_i is for node: random (orthonormal) | principal (the leading principal directions of T_i).
        attention: learned | uniform (the uniform distribution along the axis).
        logits: whether the pre-softmax outputs take part: true | false | apart (they meet each other alone).
        schedule: of beta over the epochs: constant | warm-up (from 0, linear over the first fifth) | decay (linear to 0
            over all of them).
        teacher_layers, student_layers: which of the layers, all | last.
    """

    title = "ABKD"
    year = 2023
    citation = "ahluwalia2023abkd"
    uses_hidden = True
    uses_epoch = True
    search_space = {"beta": LogRange(0.01, 100)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        dim: int | None = None,
        beta: float = 10.0,
        axis: str = "teacher",
        dissimilarity: str = "node",
        values: str = "random",
        attention: str = "learned",
        logits: bool | str = True,
        schedule: str = "constant",
        teacher_layers: str = "all",
        student_layers: str = "all",
    ) -> None:
        super().__init__(teacher, student)
        whole(self, dim=dim)
        at_least(self, 0, beta=beta)
        one_of(self, "axis", axis, AXES)
        one_of(self, "dissimilarity", dissimilarity, ("node", "regression", "regressor", "pooled"))
        one_of(self, "values", values, ("random", "principal") if dissimilarity == "node" else ("random",))
        one_of(self, "attention", attention, ("learned", "uniform"))
        one_of(self, "logits", logits, (True, False, "apart"))
        one_of(self, "schedule", schedule, SCHEDULES)
        one_of(self, "teacher_layers", teacher_layers, ("all", "last"))
        one_of(self, "student_layers", student_layers, ("all", "last"))
        self.dim, self.beta = dim or max(8, max(teacher.layers) // 4), beta
        self.axis, self.dissimilarity, self.values, self.schedule = axis, dissimilarity, values, schedule
        self.apart = logits == "apart"
        self._of_teacher = _chosen(teacher, bool(logits), teacher_layers)
        self._of_student = _chosen(student, bool(logits), student_layers)
        self.teacher_widths = teacher.layers[self._of_teacher]
        self.student_widths = student.layers[self._of_student]
        widths = self.student_widths, self.teacher_widths
        self.attention = LayerAttention(*widths, self.dim, axis, self.apart) if attention == "learned" else None
        projected = dissimilarity in ("node", "pooled")
        self.subspace = SharedSubspace(*widths, self.dim) if projected else None
        self.regressors = PairRegressors(*widths) if dissimilarity == "regressor" else None
        self._last_weights: Tensor | None = None

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        layers = self._layers(student, teacher, batch)
        weights = self._weights(layers)
        self._last_weights = weights.detach()
        terms, factor = self.weighted_terms(weights, layers, batch), SCHEDULES[self.schedule](batch.epoch, batch.epochs)
        return terms if factor == 1 else {name: factor * term for name, term in terms.items()}

    def _layers(self, student: Signals, teacher: Signals, batch: Batch) -> Layers:
        """The layers that take part; the teacher's means are taken once per Batch object."""
        all_student, all_teacher = layers_of(self, student, teacher, batch)
        of_student, of_teacher = all_student[self._of_student], all_teacher[self._of_teacher]
        teacher_means = batch.memo(self, "teacher means", lambda: _means(of_teacher))
        return Layers(of_student, of_teacher, _means(of_student), teacher_means)

    def _weights(self, layers: Layers) -> Tensor:
        """A [L_t, L_s] scaled so that its entries sum to one: weights of a mean over pairs, whatever the axis."""
        if self.attention is None:
            shape = len(layers.teacher), len(layers.student)
            if not self.apart:
                return layers.student_means.new_full(shape, 1 / (shape[0] * shape[1]))
            scores = logits_apart(*shape).to(layers.student_means)
            return distribution(scores, self.axis) / self._mass
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
        if self.regressors is not None:
            rows, variances = batch.memo(self, "teacher rows", lambda: compare.centred(layers.teacher))
            return compare.by_regressors(layers.student, rows, variances, self.regressors)
        if self.subspace is None:
            values = batch.memo(self, "teacher components", lambda: compare.components(layers.teacher, self.dim))
            return compare.by_regression(layers.student, values, self.dim)
        if self.dissimilarity == "pooled":
            return compare.pooled(*self.subspace.of_means(layers.student_means, layers.teacher_means))
        return compare.by_rows(self.student_values(layers), self.teacher_values(layers, batch))

    def student_values(self, layers: Layers) -> Tensor:
        """Standardised projections of the student's layers [L_s, n, dim]."""
        assert self.subspace is not None
        return compare.standardised(layers.student, self.subspace.student.weight)

    def teacher_values(self, layers: Layers, batch: Batch) -> Tensor:
        """The same of the teacher's layers [L_t, n, dim], which no step changes."""
        assert self.subspace is not None
        random = self.subspace.teacher.weight

        def values() -> Tensor:
            matrices = compare.principal(layers.teacher, self.dim) if self.values == "principal" else random
            return compare.standardised(layers.teacher, matrices)

        return batch.memo(self, "teacher values", values)

    def trace(self) -> dict[str, Tensor]:
        """`attention`: A of the last step on ALL layers, [L_t, L_s], zero for pairs that take no part."""
        if self._last_weights is None:
            return {}
        full = self._last_weights.new_zeros(len(self.teacher_shape.layers), len(self.student_shape.layers))
        full[self._of_teacher, self._of_student] = self._last_weights * self._mass
        return {"attention": full}


def _means(layers: Sequence[Tensor]) -> Tensor:
    """Means over rows of all layers, side by side [sum of d_l]."""
    return torch.cat([layer.mean(0) for layer in layers])


def _chosen(shape: Shape, logits: bool, layers: str) -> slice:
    """Which entries of the layer-wise view take part."""
    end = len(shape.layers) if logits else len(shape.hidden)
    return slice(end - 1 if layers == "last" else 0, end)
