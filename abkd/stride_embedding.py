"""Ablation of STRIDE: embeddings alone."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class EmbeddingAlone(LayerAlignment):
    """stride without its structural term: attention weighs D_ij alone, which is abkd with the node dissimilarity.

    Args:
        dim, beta, gamma: as in stride.
    """

    title = "STRIDE embedding"
    year = 2025

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma)
