"""The relational term of NOSMOG: Tian, Zhang, Guo, Zhang and Chawla, ICLR 2023."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY
from methods.pairing import at_least, last_of
from methods.spaces import LogRange


class GramMatching(Method):
    """beta * mean_nm (S~ S~' - H_T H_T')_nm^2 / mean_nm (H_T H_T')_nm^2, with S~ = relu(W h_S + b), d_S -> d_T.

    The representational similarity distillation of NOSMOG, all pairs (n, m) of the batch's nodes. No matrix of all
    pairs is formed: ||AA' - BB'||^2 = ||A'A||^2 + ||B'B||^2 - 2 ||A'B||^2. `glnn+nosmog-gram` adds their soft targets.
    Their other two parts belong to the student's inputs: position encodings, and features under attack.

    Departures. The published weights, 1e-9 to 0.9 by dataset, undo the scale of unnormalised inner products; here the
    error is relative to the teacher's own, so that a published w is beta / mean_nm (H_T H_T')_nm^2. The head has no
    dropout.

    Args:
        beta: weight. Default 1, this project's.
    """

    title = "NOSMOG (Gram)"
    year = 2023
    citation = "tian2023learning"
    uses_hidden = True
    search_space = {"beta": LogRange(0.01, 100)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta
        self.head = nn.Linear(student.hidden[-1], teacher.hidden[-1])

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        own = batch.memo(self, "teacher", lambda: _square_of_products(h_teacher, h_teacher))
        projected = torch.relu(self.head(h_student))
        crossed = _square_of_products(projected, h_teacher)
        error = own + _square_of_products(projected, projected) - 2 * crossed
        return {"gram": self.beta * error / (own + TINY)}


def _square_of_products(a: Tensor, b: Tensor) -> Tensor:
    """||A'B||^2, which is the sum over all pairs of rows of (AA')_nm (BB')_nm."""
    return (a.T @ b).square().sum()
