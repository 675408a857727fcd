"""Ablation of ABKD: all teacher layers against the student's last."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class ManyToOneAlignment(LayerAlignment):
    """abkd on the pairs (i, last): attention chooses among the teacher's layers (softmax over i).

    Args:
        dim, beta, gamma: as in abkd.
    """

    title = "ABKD many-to-one"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, axis="student", student_layers="last")
