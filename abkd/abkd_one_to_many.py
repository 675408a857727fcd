"""Ablation of ABKD: the teacher's last layer against all of the student's."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class OneToManyAlignment(LayerAlignment):
    """abkd on the pairs (last, j): attention chooses among the student's layers (softmax over j).

    Args:
        dim, beta, gamma: as in abkd.
    """

    title = "ABKD one-to-many"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(teacher, student, dim=dim, beta=beta, gamma=gamma, axis="teacher", teacher_layers="last")
