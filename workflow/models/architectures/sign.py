"""SIGN: a network on features that were propagated once and for all."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.contract import Shape, Signals
from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout, Model
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.containers import Layers
from workflow.models.parts.first_layer import check_probabilities, first
from workflow.models.propagation import average


class SIGN(Model):
    """MLP(prelu([MLP_0(X) | MLP_1(P X) | ... | MLP_R(P^R X)])), with P = (D + I)^-1 (A + I) (Frasca et al., 2020).

    P^k X is a constant of the graph, so that neither a training step nor a cached prediction touches an edge. The
    layers are those of the public example that Joshi et al. (TNNLS 2022) distil into: their SIGN on ogbn-arxiv, with
    3,566,128 parameters, has `layers` 4 (2 per hop and 2 after the concatenation), `width` 512 and `hops` 5.

    Hidden states are the outputs of all layers but the last: those of the hops side by side, (hops + 1) * width
    columns, then those after the concatenation, `width` columns. (The published code distils the concatenation, after
    dropout; here the last hidden state is the input of the last linear map, as in every network.)

    Args:
        layers: linear maps between features and logits, at least 2.
        width: columns of one hop's layer, and of a layer after the concatenation.
        hops: R, the largest power of P.
        hop_layers: how many of the layers come before the concatenation; 0 for the smaller half.
        input_dropout: on the propagated features.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 4,
        width: int = 512,
        hops: int = 5,
        hop_layers: int = 0,
        dropout: float = 0.5,
        input_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        before = hop_layers or layers // 2
        if layers < 2 or width < 1 or hops < 0 or not 1 <= before < layers:
            raise ValueError("layers must be at least 2, width 1, hops 0, and hop_layers at least 1 and below layers")
        check_probabilities(dropout=dropout, input_dropout=input_dropout)
        self.width = width
        self.dropout = dropout
        self.input_dropout = input_dropout
        joined = (hops + 1) * width
        after = [joined, *[width] * (layers - before - 1), facts.outputs]
        self.shape = Shape((*[joined] * before, *after[1:-1]), facts.outputs)
        # hops[l][k] is layer l of hop k; after[l] is layer l behind the concatenation.
        self.hops = Layers(
            Layers(ConstantLinear(width if layer else facts.features, width) for _ in range(hops + 1))
            for layer in range(before)
        )
        self.after = Layers(nn.Linear(a, b) for a, b in pairwise(after))
        # One slope per hop, one for the concatenation, one behind it, each shared by its layers.
        self.hop_slopes = nn.Parameter(torch.full((hops + 1,), 0.25)) if before > 1 else None
        self.join_slope = nn.Parameter(torch.full((1,), 0.25))
        self.after_slope = nn.Parameter(torch.full((1,), 0.25)) if len(self.after) > 1 else None
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("relu"))
                nn.init.zeros_(module.bias)

    @property
    def reach(self) -> int:
        return 0

    @property
    def powers(self) -> int:
        return len(self.hops[0]) - 1

    @property
    def classifier(self) -> nn.Linear:
        return self.after[-1]

    def forward(self, graph: Graph, dropout: Dropout) -> Signals:
        """Signals of the wanted nodes: hidden states after the activation and before dropout."""
        hidden: list[Tensor] = []
        for layer, linears in enumerate(self.hops):
            if layer == 0:
                p = self.input_dropout
                parts = [first(f, hop(graph, k), dropout, p, graph, ("hop", k)) for k, f in enumerate(linears)]
            else:
                inputs = dropout(hidden[-1], self.dropout).split(self.width, dim=1)
                parts = [linear(x) for linear, x in zip(linears, inputs, strict=True)]
            slopes: Tensor = self.join_slope
            if self.hop_slopes is not None and layer + 1 < len(self.hops):
                slopes = self.hop_slopes.repeat_interleave(self.width)
            hidden.append(nn.functional.prelu(torch.cat(parts, dim=1), slopes))
        *between, last = self.after
        for linear in between:
            assert self.after_slope is not None
            hidden.append(nn.functional.prelu(linear(dropout(hidden[-1], self.dropout)), self.after_slope))
        logits = last(dropout(hidden[-1], self.dropout))
        return Signals(graph.wanted(logits), tuple(map(graph.wanted, hidden)))


def hop(graph: Graph, power: int) -> Tensor:
    """P^power X, computed once per graph."""
    if power == 0:
        return graph.x
    return graph.memo(("hop", power), lambda: average(graph.whole, hop(graph, power - 1)))
