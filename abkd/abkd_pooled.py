"""Ablation of ABKD: layers are compared by their means over the nodes."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class PooledAlignment(LayerAlignment):
    """abkd with D_ij = squared distance of the L2-normalised projected means, which a head can make vanish.

    Args:
        dim, beta, gamma: as in abkd.
    """

    title = "ABKD pooled"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, dissimilarity="pooled")
