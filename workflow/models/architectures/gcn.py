"""Graph convolutional network."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.containers import Layers
from workflow.models.parts.first_layer import check_probabilities, dropped
from workflow.models.parts.layerwise import Layerwise


class GCN(Layerwise):
    """X' = A_hat X W + b with the symmetrically normalised A_hat (Kipf and Welling, ICLR 2017).

    The first product A_hat X is constant and computed once per graph; later ones run on the narrower side of W, the
    last one on the wanted rows alone.

    Args:
        input_dropout: on the features; the paper uses one probability for both. Then the first product is not constant.
    """

    sums = True

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 2,
        width: int = 256,
        dropout: float = 0.5,
        input_dropout: float = 0.0,
        norm: str = "batch",
    ) -> None:
        check_probabilities(input_dropout=input_dropout)
        super().__init__(facts.features, facts.outputs, layers=layers, width=width, dropout=dropout, norm=norm)
        self.input_dropout = input_dropout
        self.convolutions = Layers(ConstantLinear(a, b) for a, b in pairwise(self.widths))

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        linear = self.convolutions[layer]
        if layer == 0 and self.input_dropout and dropout.generator is not None:
            mapped = dropped(linear.weight, x, dropout, self.input_dropout, graph)
            return graph.gcn @ mapped + linear.bias
        if layer == 0 and not graph.sampled:
            return graph.wanted(linear.constant(graph.memo("gcn x", lambda: graph.whole.gcn @ graph.x)))
        if linear.out_features >= linear.in_features or graph.converges:
            widened: Tensor = linear(graph.gcn @ x)
            return widened
        return graph.gcn @ (x @ linear.weight.t()) + linear.bias
