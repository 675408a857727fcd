"""Variational information distillation: Ahn, Hu, Damianou, Lawrence and Dai, CVPR 2019."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of
from methods.spaces import LogRange

SMALLEST_VARIANCE = 1e-5


class VariationalInformation(Method):
    """beta * mean_n,c of ( log sigma_c + (h_T[n, c] - mu_c(h_S[n]))^2 / (2 sigma_c^2) ), up to a constant.

    The negative of a lower bound on the mutual information between the two hidden outputs, with a Gaussian of learned
    mean mu (two linear layers with a ReLU) and learned variance sigma_c^2 = softplus(rho_c) + 1e-5 for every column. It
    can be negative. The published sum over columns is a mean here, so that the weight does not follow the width.

    Args:
        beta: weight. Default 1.
        variance: initial sigma_c^2 > 0. Default 5.
    """

    title = "VID"
    year = 2019
    citation = "ahn2019variational"
    uses_hidden = True
    search_space = {"beta": LogRange(0.01, 10)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1.0, variance: float = 5.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        at_least(self, SMALLEST_VARIANCE, above=True, variance=variance)
        self.beta = beta
        width = teacher.hidden[-1]
        self.mean = nn.Sequential(nn.Linear(student.hidden[-1], width), nn.ReLU(), nn.Linear(width, width))
        self.rho = nn.Parameter(torch.full((width,), math.log(math.expm1(variance - SMALLEST_VARIANCE))))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        variance = functional.softplus(self.rho) + SMALLEST_VARIANCE
        error = (self.mean(h_student) - h_teacher).square().mean(0)
        return {"vid": self.beta / 2 * (variance.log() + error / variance).mean()}
