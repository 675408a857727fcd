"""Graph isomorphism network with edge features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workflow.catalog import Facts
from workflow.models.molecules import Molecules
from workflow.models.parts.molecular import CategoryEncoder, Molecular, perceptron, sum_edges


class _Convolution(nn.Module):
    def __init__(self, facts: Facts, width: int) -> None:
        super().__init__()
        self.perceptron = perceptron(width, 2 * width, width, norm=True)
        self.epsilon = nn.Parameter(torch.zeros(1))
        self.bonds = CategoryEncoder(facts.info["edge_vocabulary"], width)

    def forward(self, x: Tensor, graph: Molecules) -> Tensor:
        messages = (graph.at_sources(x) + self.bonds(graph.bonds)).relu()
        out: Tensor = self.perceptron((1 + self.epsilon) * x + sum_edges(messages, graph))
        return out


class GINE(Molecular):
    """x'_i = MLP((1 + epsilon) x_i + sum_j relu(x_j + e_ij)).

    Xu et al., ICLR 2019, with the edge features of Hu et al., "Strategies for pre-training graph neural networks",
    ICLR 2020.

    With its virtual node and 5 x 300 it is OGB's reference GIN for ogbg-mol*, and the teacher of Joshi et al. (2022).

    Args:
        virtual_node: see `parts.molecular.VirtualNode`.
        encoding, pooling: see `parts.molecular.Molecular`.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 5,
        width: int = 300,
        dropout: float = 0.5,
        virtual_node: bool = True,
        encoding: str = "embedding",
        pooling: str = "mean",
    ) -> None:
        super().__init__(
            facts,
            lambda: _Convolution(facts, width),
            layers=layers,
            width=width,
            dropout=dropout,
            virtual_node=virtual_node,
            encoding=encoding,
            pooling=pooling,
        )
