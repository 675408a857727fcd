"""The optimizers of the training loop: those of torch.optim, with SparseAdam for the gradients of embedding tables.

A step over the four tensors of a small student takes 0.05 ms longer than a bare call of the fused kernel, of an epoch's
7 ms and more. SparseAdam takes 3 % of a step of an R-GCN 2x32 longer than that kernel on the touched rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch._dynamo  # by torch.optim at its first optimizer: 1.6 s that no training's time should hold, and no fork's
from torch import nn

from workflow.specs import TrainingSettings

MOMENTUM = 0.9
"""Of `sgd`."""
DENSE: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "rmsprop": torch.optim.RMSprop,
    "sgd": partial(torch.optim.SGD, momentum=MOMENTUM),
}
"""By the name in a configuration: Adam (Kingma and Ba, ICLR 2015), AdamW (Loshchilov and Hutter, ICLR 2019), RMSprop
(Tieleman and Hinton 2012), SGD with momentum."""
SPARSE = ("adam", "adamw")
"""Those that move a parameter with a sparse gradient by `torch.optim.SparseAdam`; the others get a dense gradient."""


class Optimizer:
    """Moves parameters by their gradients.

    A parameter with a sparse gradient (the embedding table of a sampled step) moves in its touched rows alone, and so
    do its moments and its decay: a dense step over the 154 million embeddings of ogbn-mag would take longer than
    everything else. Untouched rows therefore do not go on by momentum. The first gradients tell which these are.

    Args:
        parameters: of the network and of the method's heads.
        training: the `training` settings of a configuration.
    """

    def __init__(self, parameters: list[nn.Parameter], training: TrainingSettings) -> None:
        self.parameters = parameters
        self.name: str = training.optimizer
        self.rate: float = training.learning_rate
        self.decay: float = training.weight_decay
        self.dense: torch.optim.Optimizer | None = None
        self.sparse: torch.optim.Optimizer | None = None
        self.tables: list[nn.Parameter] = []
        """What `sparse` moves."""

    def set_rate(self, rate: float) -> None:
        """The learning rate of the steps to come."""
        self.rate = rate

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Moves every parameter that has a gradient."""
        if self.name not in SPARSE:
            self._make_dense()
        if self.dense is None and self.sparse is None:
            self._make([p for p in self.parameters if p.grad is not None and p.grad.is_sparse])
        if self.sparse:
            self._decay_touched()
            _step(self.sparse, self.rate)
        if self.dense:
            _step(self.dense, self.rate)
            # The fused kernels do not tell that they wrote to the weights; caches of products of them rely on it.
            torch.autograd.graph.increment_version([p for p in self.parameters if p.grad is not None])

    def state(self) -> dict[str, Any]:
        """All that the steps so far have left, of tensors and JSON values; for `restore`."""
        known = {id(table) for table in self.tables}
        return {
            "tables": [place for place, p in enumerate(self.parameters) if id(p) in known],
            "moments": [made.state_dict()["state"] if made else {} for made in (self.dense, self.sparse)],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`, whose keys JSON may have made texts; only before the first step."""
        self._make([self.parameters[place] for place in state["tables"]])
        for made, moments in zip((self.dense, self.sparse), state["moments"], strict=True):
            if made:
                by_place = {int(place): value for place, value in moments.items()}
                made.load_state_dict({"state": by_place, "param_groups": made.state_dict()["param_groups"]})

    def _make(self, tables: list[nn.Parameter]) -> None:
        """The optimizers that the first gradients ask for, which are sparse for `tables`."""
        self.tables = tables
        known = {id(table) for table in self.tables}
        rest = [p for p in self.parameters if id(p) not in known]
        if self.tables:
            self.sparse = torch.optim.SparseAdam(self.tables, lr=self.rate)
        if rest:
            self.dense = DENSE[self.name](rest, lr=self.rate, weight_decay=self.decay)

    def _make_dense(self) -> None:
        for parameter in self.parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.to_dense()

    @torch.no_grad()
    def _decay_touched(self) -> None:
        """The decay of the touched rows, which SparseAdam does not know."""
        if not self.decay:
            return
        for table in self.tables:
            if table.grad is None:
                continue
            table.grad = table.grad.coalesce()
            rows = table.grad.indices()[0]
            values = table.index_select(0, rows)
            if self.name == "adamw":
                table.index_copy_(0, rows, values * (1 - self.rate * self.decay))
            else:
                table.grad.values().add_(values, alpha=self.decay)


def create(parameters: list[nn.Parameter], training: TrainingSettings) -> Optimizer:
    """The optimizer of a `training` section."""
    return Optimizer(parameters, training)


def _step(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
