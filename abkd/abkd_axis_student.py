"""Ablation of ABKD: the attention's softmax runs over the teacher layers."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class StudentAxisAlignment(LayerAlignment):
    """abkd with each student layer's mass shared out among the teacher layers (axis: student).

    Args:
        dim, beta, gamma: as in abkd.
    """

    title = "ABKD student axis"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, axis="student")
