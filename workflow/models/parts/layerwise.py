"""The frame that the layer-wise networks share: convolution, batch norm, activation, then dropout."""

from __future__ import annotations

from torch import Tensor, nn

from methods.contract import Shape, Signals
from workflow.models.graph import Graph
from workflow.models.model import Dropout, Model
from workflow.models.parts.first_layer import check_probabilities


class Layerwise(Model):
    """`layers` convolutions of `width` columns; the last one gives the logits.

    A subclass builds `self.convolutions` and defines `convolve(layer, x, graph, dropout)`, which gives the rows that
    the graph wants: all of them, but for the last layer.
    """

    def __init__(self, features: int, outputs: int, *, layers: int, width: int, dropout: float, norm: str) -> None:
        super().__init__()
        if layers < 1 or width < 1:
            raise ValueError("layers and width must be at least 1")
        check_probabilities(dropout=dropout)
        if norm not in ("batch", "none"):
            raise ValueError(f"norm must be one of batch, none; not '{norm}'")
        self.widths = (features, *[width] * (layers - 1), outputs)
        self.shape = Shape(self.widths[1:-1], outputs)
        self.dropout = dropout
        self.norms = nn.ModuleList(nn.BatchNorm1d(d) if norm == "batch" else nn.Identity() for d in self.shape.hidden)

    @property
    def pieces(self) -> int:
        return len(self.widths) - 1

    @property
    def reach(self) -> int:
        return len(self.widths) - 1

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not define its convolution")

    def forward(self, graph: Graph, dropout: Dropout) -> Signals:
        """Signals of the wanted nodes: hidden states after the activation and before dropout."""
        return self.through(graph.x, graph, dropout)

    def through(self, x: Tensor, graph: Graph, dropout: Dropout) -> Signals:
        """The signals of an input [n, widths[0]], which may be another than the graph's features."""
        hidden = []
        layers = len(self.widths) - 1
        for layer in range(layers - 1):
            x = self.layer(layer, x, x, graph.of_layer(layer, layers), dropout)
            hidden.append(graph.wanted(x))
            x = dropout(x, self.dropout)
        return Signals(self.layer(layers - 1, x, x, graph.of_layer(layers - 1, layers), dropout), tuple(hidden))

    def layer(self, index: int, x: Tensor, first: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        """Hidden states or, of the last layer, logits of the nodes that the graph wants. `first` is not used."""
        out = self.convolve(index, x, graph, dropout)
        if index == len(self.widths) - 2:
            return out
        active: Tensor = self.norms[index](out).relu()
        return active
