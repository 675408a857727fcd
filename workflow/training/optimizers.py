"""The optimizers of the training loop.

Adam and AdamW call torch's fused kernel themselves: `torch.optim` pulls in the whole compiler on its first step, which
takes longer than the training of a small student. The numbers are those of `torch.optim` (a test compares them).
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn


class Optimizer(Protocol):
    def set_rate(self, rate: float) -> None: ...
    def zero_grad(self) -> None: ...
    def step(self) -> None: ...


class Adam:
    """Adam (Kingma and Ba, ICLR 2015); with `decoupled` decay AdamW (Loshchilov and Hutter, ICLR 2019).

    A parameter with a sparse gradient (the embedding table of a sampled step) moves in its touched rows alone, and so
    do its moments and its decay, as in `torch.optim.SparseAdam`: a dense step over the 154 million embeddings of
    ogbn-mag would take longer than everything else. Untouched rows therefore do not go on by momentum.
    """

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(self, parameters: list[nn.Parameter], rate: float, decay: float, decoupled: bool = False) -> None:
        self.parameters = parameters
        self.rate = rate
        self.decay = decay
        self.kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) for p in parameters]
        self.steps = [torch.zeros((), dtype=torch.float32, device=p.device) for p in parameters]

    def set_rate(self, rate: float) -> None:
        self.rate = rate

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        moved = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
        for i in moved:
            groups.setdefault((self.parameters[i].device, self.parameters[i].dtype), []).append(i)
        # The fused kernel does not tell that it wrote to its arguments; caches of products of the weights rely on it.
        torch.autograd.graph.increment_version([self.parameters[i] for i in moved])
        for members in groups.values():
            steps = [self.steps[i] for i in members]
            torch._foreach_add_(steps, 1)
            touched = {i: grad.coalesce() for i in members if (grad := self.parameters[i].grad).is_sparse}
            rows = {i: grad.indices()[0] for i, grad in touched.items()}
            states = [
                [state[i].index_select(0, rows[i]) if i in rows else state[i] for i in members]
                for state in (self.parameters, self.first, self.second)
            ]
            self.kernel(
                states[0],
                [touched[i].values() if i in touched else self.parameters[i].grad for i in members],
                states[1],
                states[2],
                [],
                steps,
                lr=self.rate,
                beta1=self.BETAS[0],
                beta2=self.BETAS[1],
                weight_decay=self.decay,
                eps=self.EPSILON,
                amsgrad=False,
                maximize=False,
            )
            for i, *moved_rows in zip(members, *states, strict=True):
                if i in rows:
                    for state, values in zip((self.parameters, self.first, self.second), moved_rows, strict=True):
                        state[i].index_copy_(0, rows[i], values)


class Library:
    """One of `torch.optim`'s optimizers; sparse gradients are made dense, since most of them take no others."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def zero_grad(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    parameter.grad = parameter.grad.to_dense()
        self.optimizer.step()


def create(parameters: list[nn.Parameter], training: dict[str, Any]) -> Optimizer:
    """The optimizer of a `training` section."""
    name, rate, decay = training["optimizer"], training["learning_rate"], training["weight_decay"]
    if name in ("adam", "adamw"):
        return Adam(parameters, rate, decay, decoupled=name == "adamw")
    if name == "rmsprop":
        return Library(torch.optim.RMSprop(parameters, lr=rate, weight_decay=decay))
    return Library(torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=0.9))
