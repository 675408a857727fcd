"""Control of ABKD: every pair of layers counts the same."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class UniformAlignment(LayerAlignment):
    """abkd with A_ij = 1 / L_s: what remains without attention.

    Args:
        dim, beta, gamma: as in abkd.
    """

    title = "ABKD uniform"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, attention=False)
