"""A linear map of a constant input, such as the features or their first propagation.

The evaluation after a step and the next step's forward pass use the same weights, so they share one product. For a
small student that product is a third of an epoch.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn


class _Shared(torch.autograd.Function):
    """x W' + b for a constant x, whose value was computed before."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, value: Tensor) -> Tensor:
        ctx.x = x
        ctx.biased = bias is not None
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor | None, None]:
        return None, gradient.t() @ ctx.x, gradient.sum(0) if ctx.biased else None, None


class ConstantLinear(nn.Linear):
    """nn.Linear that can be told that its input never changes (`constant`)."""

    _input: weakref.ref[Tensor] | None = None
    _weights: tuple[Tensor, ...] = ()
    _versions: tuple[int, ...] = ()
    _value: Tensor

    def constant(self, x: Tensor) -> Tensor:
        """X W' + b: [n, in] -> [n, out]; kept until the weights change. Gradients reach the weights, and x if it asks.

        Args:
            x: the same tensor object as long as its values are the same; one that asks for a gradient is no constant.
        """
        if x.requires_grad:
            mapped: Tensor = self(x)
            return mapped
        if not self._known(x):
            weights = self._own()
            with torch.no_grad():
                self._value = nn.functional.linear(x, self.weight, self.bias)
            self._input = weakref.ref(x)
            # Aliases keep the storage alive, so that no other weights can come to lie at its address.
            self._weights = tuple(part.detach() for part in weights)
            self._versions = tuple(part._version for part in (*weights, x))
        if not torch.is_grad_enabled():
            return self._value
        shared: Tensor = _Shared.apply(x, self.weight, self.bias, self._value)
        return shared

    def _own(self) -> tuple[Tensor, ...]:
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    def _known(self, x: Tensor) -> bool:
        """Whether `_value` belongs to this input and these weights; an update in place raises a tensor's version."""
        if self._input is None or self._input() is not x:
            return False
        weights = self._own()
        same = all(a.data_ptr() == b.data_ptr() for a, b in zip(weights, self._weights, strict=True))
        return same and self._versions == tuple(part._version for part in (*weights, x))
