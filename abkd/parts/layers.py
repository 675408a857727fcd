"""The layers that ABKD compares, of both networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Layers:
    """Outputs of the layers that take part, on n rows each: nodes, or graphs in graph-level tasks.

    Attributes:
        student: S_j [n, d_j] of every student layer j.
        teacher: T_i [n, d_i] of every teacher layer i; no gradient.
        student_means: [sum of d_j] means over the rows, all layers side by side.
        teacher_means: [sum of d_i] the same of the teacher.
    """

    student: Sequence[Tensor]
    teacher: Sequence[Tensor]
    student_means: Tensor
    teacher_means: Tensor

    @property
    def rows(self) -> int:
        """Number of rows n."""
        return len(self.student[0])
