"""Graph convolutional network with edge features, for molecules."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workflow.catalog import Facts
from workflow.models.molecules import Molecules
from workflow.models.parts.molecular import CategoryEncoder, Molecular, sum_edges


class _Convolution(nn.Module):
    def __init__(self, facts: Facts, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.loop = nn.Parameter(nn.init.normal_(torch.empty(1, width)))
        self.bonds = CategoryEncoder(facts.info["edge_vocabulary"], width)

    def forward(self, x: Tensor, graph: Molecules) -> Tensor:
        x = self.linear(x)
        scale = (graph.degree + 1).to(x.dtype).pow(-0.5)[:, None]
        messages = (graph.at_sources(x) + self.bonds(graph.bonds)).relu()
        messages = messages * graph.at_sources(scale)
        return scale * (sum_edges(messages, graph) + scale * (x + self.loop).relu())


class MolecularGCN(Molecular):
    """x'_i = sum_j relu(W x_j + b + e_ij) / sqrt(d_i d_j) + relu(W x_i + b + r) / d_i.

    d is the degree with the node itself, r a learned vector: Kipf and Welling, ICLR 2017, with edge features as in
    OGB's reference.

    2 x 100 is the student of Joshi et al. (2022) on ogbg-molhiv.

    Args:
        encoding, pooling: see `parts.molecular.Molecular`.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 2,
        width: int = 100,
        dropout: float = 0.5,
        encoding: str = "embedding",
        pooling: str = "mean",
    ) -> None:
        super().__init__(
            facts,
            lambda: _Convolution(facts, width),
            layers=layers,
            width=width,
            dropout=dropout,
            encoding=encoding,
            pooling=pooling,
        )
