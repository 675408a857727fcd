"""GCNII: a deep graph convolutional network."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from methods.contract import Shape, Signals
from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout, Model
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.containers import Layers
from workflow.models.parts.first_layer import check_probabilities, first


class GCNII(Model):
    """X_l = relu(((1 - alpha) A_hat X_(l-1) + alpha X_0) ((1 - beta_l) I + beta_l W_l)), beta_l = log(theta / l + 1).

    A linear layer makes X_0 = relu(X W + b), another one the logits (Chen et al., ICML 2020, eq. 5). `layers` counts
    the convolutions between the two; the hidden states are X_0 and the output of each, so that there are layers + 1
    of them, all of one width. The published sizes on PubMed are 64 x 64: 294,403 and 4 x 4: 2,083 parameters.

    Args:
        layers: convolutions, 1 <= l <= layers.
        alpha: share of X_0 in every layer, in [0, 1).
        theta: strength of the weight matrices, which fades with the depth l.
        dropout: before every convolution and before the output layer.
        input_dropout: on the features; the paper uses one probability for both.
        norm: "batch" puts batch norm before the ReLU of every convolution; the paper has none.
    """

    reads_first = True
    identity: Tensor

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 64,
        width: int = 64,
        alpha: float = 0.1,
        theta: float = 0.5,
        dropout: float = 0.6,
        input_dropout: float = 0.6,
        norm: str = "none",
    ) -> None:
        super().__init__()
        if layers < 1 or width < 1:
            raise ValueError("layers and width must be at least 1")
        if not 0 <= alpha < 1 or theta < 0:
            raise ValueError("alpha must be at least 0 and below 1, and theta at least 0")
        if norm not in ("batch", "none"):
            raise ValueError(f"norm must be one of batch, none; not '{norm}'")
        check_probabilities(dropout=dropout, input_dropout=input_dropout)
        self.shape = Shape((width,) * (layers + 1), facts.outputs)
        self.alpha = alpha
        self.betas = [math.log(theta / layer + 1) for layer in range(1, layers + 1)]
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.input = ConstantLinear(facts.features, width)
        # The default initialisation of nn.Linear is the published one, uniform within 1 / sqrt(width).
        self.convolutions = Layers(nn.Linear(width, width, bias=False) for _ in range(layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) if norm == "batch" else nn.Identity() for _ in range(layers))
        self.output = nn.Linear(width, facts.outputs)
        self.register_buffer("identity", torch.eye(width), persistent=False)

    @property
    def classifier(self) -> nn.Linear:
        return self.output

    def forward(self, graph: Graph, dropout: Dropout) -> Signals:
        """Signals of the wanted nodes: hidden states after the activation and before dropout."""
        x = first(self.input, graph.x, dropout, self.input_dropout, graph).relu()
        hidden = [graph.wanted(x)]
        # With 1 - alpha taken into the small matrix, only one pass over the nodes is left beside the two products.
        start = x * (self.alpha / (1 - self.alpha))
        layers = len(self.betas)
        for layer in range(layers):
            seen = graph.of_layer(layer, layers) if graph.sampled else graph.whole
            x = self._convolution(layer, dropout(x, self.dropout), start, seen)
            hidden.append(graph.wanted(x))
        return Signals(graph.wanted(self.output(dropout(x, self.dropout))), tuple(hidden))

    @property
    def reach(self) -> int:
        return len(self.betas)

    @property
    def pieces(self) -> int:
        return len(self.betas) + 2

    def propagates(self, index: int) -> bool:
        return 0 < index <= len(self.betas)

    def layer(self, index: int, x: Tensor, first: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        """Hidden states or, of the last layer, logits of the nodes that the graph wants.

        Args:
            first: [n, width] X_0, the output of layer 0.
        """
        if index == 0:
            active: Tensor = self.input(graph.wanted(dropout(x, self.input_dropout))).relu()
            return active
        if index > len(self.betas):
            logits: Tensor = self.output(dropout(graph.wanted(x), self.dropout))
            return logits
        start = first * (self.alpha / (1 - self.alpha))
        return self._convolution(index - 1, dropout(x, self.dropout), start, graph)

    def _convolution(self, layer: int, x: Tensor, start: Tensor, graph: Graph) -> Tensor:
        beta = self.betas[layer]
        mixed = graph.gcn @ x
        mixed = mixed + (start if len(start) == len(mixed) else start[: len(mixed)])
        matrix = self.convolutions[layer].weight * ((1 - self.alpha) * beta)
        matrix = matrix + self.identity * ((1 - self.alpha) * (1 - beta))
        active: Tensor = self.norms[layer](nn.functional.linear(mixed, matrix)).relu()
        return active
