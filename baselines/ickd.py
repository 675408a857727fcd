"""Inter-channel correlation (ICKD): Liu et al., ICCV 2021."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of
from methods.spaces import LogRange


class InterChannel(Method):
    """beta * || G(r(h_S)) - G(h_T) ||_F^2 / d_T, with G(h) = h'h whose rows are brought to length one.

    Which neurons are active on the same nodes: the channel-to-channel inner products of Liu et al., whose pixels are
    nodes here. r: d_S -> d_T is linear with batch norm behind it, and trained, as theirs. They have one G per image;
    here there is one per batch, of graphs too.

    Args:
        beta: weight. Default 2.5 (Liu et al.).
    """

    title = "ICKD"
    year = 2021
    citation = "liu2021exploring"
    uses_hidden = True
    search_space = {"beta": LogRange(0.01, 100)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 2.5) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta
        width = teacher.hidden[-1]
        # Batch norm's mean would take a bias away again.
        self.head = nn.Sequential(nn.Linear(student.hidden[-1], width, bias=False), nn.BatchNorm1d(width))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        if len(h_student) < 2:  # no variance for the batch norm
            return {"ickd": h_student.sum() * 0}
        of_teacher = batch.memo(self, "teacher", lambda: _correlations(h_teacher))
        error = (_correlations(self.head(h_student)) - of_teacher).square().sum()
        return {"ickd": self.beta * error / len(of_teacher)}


def _correlations(h: Tensor) -> Tensor:
    """[d, d] inner products of the columns, each row of length one; a row of zeros stays one."""
    return functional.normalize(h.T @ h, dim=1, eps=1e-6)
