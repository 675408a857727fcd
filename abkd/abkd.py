"""Attention-based knowledge distillation, after Ahluwalia et al. 2023 (equations: this project's reconstruction)."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class AttentionBasedKD(LayerAlignment):
    """beta * mean_i sum_j A_ij D_ij + gamma * ||P'P - I||^2 over all pairs of layers; see abkd/_attention.py.

    The defaults are this project's, not published ones. D lies between 0 and 4, and is 2 for unrelated layers, so
    beta 1 is of the order of the cross-entropy.

    Args:
        dim: columns of the shared subspace. Default 64.
        beta: weight of the alignment. Default 1.
        gamma: weight that keeps P near orthonormal. Default 0.1.
        axis: teacher (each teacher layer's mass is shared out among student layers) | student | pairs.
        dissimilarity: node | pooled.
    """

    title = "ABKD"

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
    ) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, axis=axis, dissimilarity=dissimilarity)
