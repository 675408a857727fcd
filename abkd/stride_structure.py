"""Ablation of STRIDE: structure alone."""

from __future__ import annotations

from abkd._stride import StructuralAlignment
from methods.contract import Shape


class StructureAlone(StructuralAlignment):
    """stride without the embeddings' dissimilarity D (beta 0): attention weighs R_ij alone.

    Args:
        dim, gamma, structure, structure_weight, tau2, max_samples: as in stride.
    """

    title = "STRIDE structure"
    year = 2025

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        dim: int = 64,
        gamma: float = 0.1,
        structure: str = "gcrd",
        structure_weight: float = 0.1,
        tau2: float = 0.075,
        max_samples: int = 2048,
    ) -> None:
        super().__init__(
            teacher,
            student,
            dim=dim,
            beta=0.0,
            gamma=gamma,
            axis="teacher",
            structure=structure,
            structure_weight=structure_weight,
            tau2=tau2,
            max_samples=max_samples,
        )
