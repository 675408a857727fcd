"""A linear map of a constant input, such as the features or their first propagation.

The evaluation after a step and the next step's forward pass use the same weights, so they share one product. For a
small student that product is a third of an epoch.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor, nn


class _Shared(torch.autograd.Function):
    """x W' + b for a constant x, whose value was computed before."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, value: Tensor) -> Tensor:  # type: ignore[override]
        ctx.x = x
        ctx.biased = bias is not None
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor | None, None]:  # type: ignore[override]
        return None, gradient.t() @ ctx.x, gradient.sum(0) if ctx.biased else None, None


class ConstantLinear(nn.Linear):
    """nn.Linear that can be told that its input never changes (`constant`)."""

    _key: Hashable = None
    _value: Tensor | None = None

    def constant(self, x: Tensor) -> Tensor:
        """x W' + b: [n, in] -> [n, out]; kept until the weights change. Gradients reach the weights, never x."""
        # In-place updates raise the version; a loaded or moved parameter is another storage or version.
        parts = (self.weight, x) if self.bias is None else (self.weight, self.bias, x)
        key = tuple((part.data_ptr(), part._version) for part in parts)
        if key != self._key or self._value is None:
            with torch.no_grad():
                self._value, self._key = nn.functional.linear(x, self.weight, self.bias), key
        if not torch.is_grad_enabled():
            return self._value
        return _Shared.apply(x, self.weight, self.bias, self._value)
