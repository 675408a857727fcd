"""Multi-layer perceptron: a student that needs no edges when it serves (GLNN, Zhang et al., ICLR 2022)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from workflow.catalog import Facts
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.models.parts.constant import ConstantLinear
from workflow.models.parts.containers import Layers
from workflow.models.parts.layerwise import Layerwise


class MLP(Layerwise):
    """X' = X W + b."""

    def __init__(
        self, facts: Facts, *, layers: int = 2, width: int = 256, dropout: float = 0.5, norm: str = "batch"
    ) -> None:
        super().__init__(facts.features, facts.outputs, layers=layers, width=width, dropout=dropout, norm=norm)
        self.convolutions = Layers(ConstantLinear(a, b) for a, b in pairwise(self.widths))

    @property
    def reach(self) -> int:
        return 0

    @property
    def classifier(self) -> nn.Linear | None:
        return self.convolutions[-1] if self.shape.hidden else None

    def convolve(self, layer: int, x: Tensor, graph: Graph, dropout: Dropout) -> Tensor:
        linear = self.convolutions[layer]
        return graph.wanted(linear.constant(x) if layer == 0 else linear(x))
