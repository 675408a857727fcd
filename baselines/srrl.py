"""Softmax regression representation learning (SRRL): Yang, Martinez, Bulat and Tzimiropoulos, ICLR 2021."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of
from methods.spaces import LogRange
from methods.vocabulary import Extra


class SoftmaxRegression(Method):
    """alpha * mean (r - h_T)^2 + beta * mean (W_T r + b_T - z_T)^2, with r = relu(norm(W h_S)), d_S -> d_T.

    The student's feature is carried over to the teacher's space and then judged by the teacher's own classifier, which
    stays as it is. Both means are over rows and columns, norm is batch norm. In graph-level tasks rows are graphs, node
    rows averaged. Teachers whose last layer is a convolution have no such classifier: the row says so.

    Args:
        alpha: weight of the feature. Default 1 (Yang et al.).
        beta: weight of the teacher's classifier's verdict. Default 1 (the same).
    """

    title = "SRRL"
    year = 2021
    citation = "yang2021knowledge"
    uses_hidden = True
    teacher_extras = (Extra.CLASSIFIER,)
    search_space = {"alpha": LogRange(0.01, 100), "beta": LogRange(0.01, 100)}

    classifier: Tensor

    def __init__(self, teacher: Shape, student: Shape, *, alpha: float = 1.0, beta: float = 1.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, alpha=alpha, beta=beta)
        self.alpha, self.beta = alpha, beta
        wide = teacher.hidden[-1]
        self.transfer = nn.Sequential(nn.Linear(student.hidden[-1], wide, bias=False), nn.BatchNorm1d(wide), nn.ReLU())

    def begin(self, ids: Tensor, extras: Mapping[Extra, Tensor]) -> None:
        self.register_buffer("classifier", extras[Extra.CLASSIFIER].to(torch.get_default_dtype()))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        if len(batch.labels) < 2:  # no variance for the batch norm
            return {"feature": h_student.sum() * 0, "verdict": h_student.sum() * 0}
        target = batch.memo(self, "teacher", lambda: batch.pool(h_teacher))
        carried = self.transfer(batch.pool(h_student))
        verdict = functional.linear(carried, self.classifier[:, :-1], self.classifier[:, -1])
        return {
            "feature": self.alpha * functional.mse_loss(carried, target),
            "verdict": self.beta * functional.mse_loss(verdict, teacher.logits.detach()),
        }
