"""Adversarial methods with one optimizer: heads descend a term that the student climbs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def reversed_gradient(x: Tensor) -> Tensor:
    """The same values; what comes before gets its gradient with the sign turned (Ganin and Lempitsky, ICML 2015, 3).

    A term of `reversed_gradient(x)` is lowered by the heads that read it and raised by whatever has made x. A method
    that uses it says so by `Method.reverses`.
    """
    turned: Tensor = _Reversed.apply(x)
    return turned


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        return -upstream[0]
