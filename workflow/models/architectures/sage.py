"""GraphSAGE with the mean aggregator."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.containers import Layers
from workflow.models.parts.layerwise import Layerwise


class SAGE(Layerwise):
    """X' = [mean_neighbours(X) | X] W + b (Hamilton et al., NeurIPS 2017, algorithm 1 without its row norm).

    The two halves of W are the two maps of PyG's SAGEConv. The first layer's input is constant and built once per
    graph.
    """

    sums = True

    def __init__(
        self, facts: Facts, *, layers: int = 2, width: int = 256, dropout: float = 0.5, norm: str = "batch"
    ) -> None:
        super().__init__(facts.features, facts.outputs, layers=layers, width=width, dropout=dropout, norm=norm)
        self.convolutions = Layers(ConstantLinear(2 * a, b) for a, b in pairwise(self.widths))

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        linear = self.convolutions[layer]
        if layer == 0 and not graph.sampled:
            joined = graph.memo("mean x | x", lambda: torch.cat([graph.whole.mean @ x, x], 1))
            return graph.wanted(linear.constant(joined))
        if linear.out_features >= x.shape[1] or graph.converges:
            widened: Tensor = linear(torch.cat([graph.mean @ x, graph.wanted(x)], 1))
            return widened
        # Narrowing: both maps in one product, then the mean of the narrower result.
        halves = linear.weight.split(x.shape[1], dim=1)
        neighbours, own = (x @ torch.cat(halves).t()).split(linear.out_features, dim=1)
        narrowed: Tensor = graph.mean @ neighbours.contiguous() + graph.wanted(own) + linear.bias
        return narrowed
