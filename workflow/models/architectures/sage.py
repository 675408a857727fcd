"""GraphSAGE with the mean aggregator."""

from __future__ import annotations

from torch import Tensor, nn

from workflow.models.architectures._layerwise import Layerwise
from workflow.models.constant import ConstantLinear
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.tasks.catalog import Facts


class SAGE(Layerwise):
    """X' = X W_self + mean_neighbours(X) W_neighbours + b (Hamilton et al., NeurIPS 2017), as PyG's SAGEConv."""

    title = "GraphSAGE"

    def __init__(
        self, facts: Facts, *, layers: int = 2, width: int = 256, dropout: float = 0.5, norm: str = "batch"
    ) -> None:
        super().__init__(facts.features, facts.outputs, layers=layers, width=width, dropout=dropout, norm=norm)
        pairs = list(zip(self.widths, self.widths[1:], strict=False))
        self.convolutions = nn.ModuleList(ConstantLinear(a, b) for a, b in pairs)
        self.roots = nn.ModuleList(ConstantLinear(a, b, bias=False) for a, b in pairs)

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        linear, root = self.convolutions[layer], self.roots[layer]
        if layer == 0:
            return linear.constant(graph.memo("mean x", lambda: graph.mean @ graph.x)) + root.constant(x)
        if linear.out_features >= linear.in_features:
            return linear(graph.mean @ x) + root(x)
        return graph.mean @ (x @ linear.weight.t()) + linear.bias + root(x)
