"""Inter-channel correlation (ICKD): Liu et al., ICCV 2021."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of
from methods.spaces import LogRange


class InterChannel(Method):
    """beta * || G(W h_S) - G(h_T) ||_F^2 / d_T, with G(h) = C'C and C the columns of h, each of length one.

    Which neurons are active on the same nodes: the channel-to-channel inner products of Liu et al., whose pixels are
    nodes here. W: d_S -> d_T is linear and trained, as theirs.

    Args:
        beta: weight. Default 1, this project's; the error is averaged over the rows of G, of which it adds up the
            columns.
    """

    title = "ICKD"
    year = 2021
    citation = "liu2021exploring"
    uses_hidden = True
    search_space = {"beta": LogRange(0.01, 100)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta
        self.head = nn.Linear(student.hidden[-1], teacher.hidden[-1])

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        of_teacher = batch.memo(self, "teacher", lambda: _correlations(h_teacher))
        error = (_correlations(self.head(h_student)) - of_teacher).square().sum()
        return {"ickd": self.beta * error / len(of_teacher)}


def _correlations(h: Tensor) -> Tensor:
    """[d, d] inner products of the unit columns; a column of zeros stays one."""
    columns = functional.normalize(h, dim=0, eps=1e-6)
    return columns.T @ columns
