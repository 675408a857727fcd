"""Ablation of ABKD: without the shared trainable basis P."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class UnsharedAlignment(LayerAlignment):
    """abkd with P = I fixed: each layer keeps its own projection V_i or Y_j, nothing is shared and nothing penalised.

    Args:
        dim, beta: as in abkd.
    """

    title = "ABKD no P"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=0.0, basis=False)
