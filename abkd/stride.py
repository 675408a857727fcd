"""STRIDE, after Ahluwalia et al., version 2 (equations: this project's reconstruction)."""

from __future__ import annotations

from abkd._stride import StructuralAlignment
from methods.contract import Shape


class StructureAndEmbedding(StructuralAlignment):
    """ABKD (node) plus a structural dissimilarity R_ij of each pair of layers, weighted by the same attention A.

    The defaults are this project's, not published ones, but for tau2 and the weight of a contrastive term, which are
    those of G-CRD (Joshi et al. 2022).

    Args:
        dim, beta, gamma, axis: as in abkd.
        structure: gcrd (contrastive, on the shared subspace) | lsp (neighbourhoods; node-level tasks only) | gsp.
        structure_weight: weight of the structure. Default 0.1.
        tau2: temperature of gcrd. Default 0.075.
        max_samples: nodes drawn at each step for gcrd and gsp where the batch has more. Default 2048, as every pair of
            layers has m x m logits.
    """

    title = "STRIDE"
    year = 2025

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        dim: int = 64,
        beta: float = 1.0,
        gamma: float = 0.1,
        axis: str = "teacher",
        structure: str = "gcrd",
        structure_weight: float = 0.1,
        tau2: float = 0.075,
        max_samples: int = 2048,
    ) -> None:
        super().__init__(
            teacher,
            student,
            dim=dim,
            beta=beta,
            gamma=gamma,
            axis=axis,
            structure=structure,
            structure_weight=structure_weight,
            tau2=tau2,
            max_samples=max_samples,
        )
