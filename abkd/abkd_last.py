"""Control of ABKD: the last pair of layers only."""

from __future__ import annotations

from abkd._attention import LayerAlignment
from methods.contract import Shape


class LastPairAlignment(LayerAlignment):
    """abkd on the teacher's and the student's pre-softmax outputs alone, A = 1.

    Args:
        dim, beta, gamma: as in abkd.
    """

    title = "ABKD last"

    def __init__(self, teacher: Shape, student: Shape, *, dim: int = 64, beta: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(
            teacher,
            student,
            dim=dim,
            beta=beta,
            gamma=gamma,
            attention=False,
            teacher_layers="last",
            student_layers="last",
        )
