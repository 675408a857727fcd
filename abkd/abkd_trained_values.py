"""Ablation of ABKD (Ahluwalia et al. 2023): the compared teacher values are trained, too."""

from __future__ import annotations

import torch
from torch import Tensor

from abkd.abkd import AttentionBasedKD
from abkd.parts import dissimilarity as compare
from abkd.parts.heads import SharedSubspace
from abkd.parts.layers import Layers
from methods.contract import Batch, Shape
from methods.pairing import at_least
from methods.spaces import LogRange


class TrainedValues(AttentionBasedKD):
    """abkd with D_ij = mean_n ||P V_i T_i[n] - P Y_j S_j[n]||^2 / d and trained V and P, plus gamma ||P'P - I||^2.

    Both sides then meet in the directions that are easiest for both, so that the loss falls while the student learns
    little of the teacher: on narrow students the scores fall as beta grows.

    Args:
        dim: as in abkd. Default 64.
        beta: as in abkd. Default 1.
        gamma: weight that keeps P near orthonormal. Default 0.1.
    """

    title = "ABKD trained values"
    search_space = {"beta": LogRange(0.01, 10)}

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta)
        at_least(self, 0, gamma=gamma)
        self.gamma = gamma
        self.subspace = SharedSubspace(self.student_widths, self.teacher_widths, dim, trained=True)

    def weighted_terms(self, weights: Tensor, layers: Layers, batch: Batch) -> dict[str, Tensor]:
        """The alignment, and the price of leaving an orthonormal P."""
        assert self.subspace is not None and self.subspace.basis is not None
        basis = self.subspace.basis
        departure = (basis.T @ basis - torch.eye(len(basis), dtype=basis.dtype, device=basis.device)).square().sum()
        return {**super().weighted_terms(weights, layers, batch), "orthonormality": self.gamma * departure}

    def dissimilarities(self, layers: Layers, batch: Batch) -> Tensor:
        """D [L_t, L_s]."""
        assert self.subspace is not None
        student, teacher = self.subspace.matrices()
        of_teacher = compare.standardised(layers.teacher, teacher)
        return compare.by_rows(compare.standardised(layers.student, student), of_teacher)
