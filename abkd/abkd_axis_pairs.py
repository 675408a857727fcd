"""Ablation of ABKD: one softmax over all pairs of layers."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class PairsAxisAlignment(LayerAlignment):
    """abkd with one unit of attention over all pairs (axis: pairs).

    Args:
        dim, beta, gamma: as in abkd.
    """

    title = "ABKD pairs axis"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, axis="pairs")
