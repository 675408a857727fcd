"""GraphSAGE with the aggregation of a GCN, GLNN's teacher."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.containers import Layers
from workflow.models.parts.layerwise import Layerwise
from workflow.models.propagation import average


class SAGEGCN(Layerwise):
    """X' = P X W + b, P the mean over a node and its in-neighbours (Hamilton et al., NeurIPS 2017, eq. 2).

    What DGL's SAGEConv calls the aggregator `gcn`, which GLNN (Zhang et al., ICLR 2022) has in its teachers. The first
    layer's input is constant and built once per graph; later ones run on the narrower side of W.
    """

    def __init__(
        self, facts: Facts, *, layers: int = 2, width: int = 256, dropout: float = 0.5, norm: str = "batch"
    ) -> None:
        super().__init__(facts.features, facts.outputs, layers=layers, width=width, dropout=dropout, norm=norm)
        self.convolutions = Layers(ConstantLinear(a, b) for a, b in pairwise(self.widths))

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        linear = self.convolutions[layer]
        if layer == 0 and not graph.sampled:
            averaged = graph.memo("average x", lambda: average(graph.whole, x))
            return graph.wanted(linear.constant(averaged))
        if linear.out_features >= linear.in_features or graph.converges:
            widened: Tensor = linear(average(graph, x))
            return widened
        narrowed: Tensor = average(graph, x @ linear.weight.t()) + linear.bias
        return narrowed
