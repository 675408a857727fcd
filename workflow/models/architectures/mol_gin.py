"""Graph isomorphism network without edge features, for the smallest students of molecules."""

from __future__ import annotations

from torch import Tensor, nn

from workflow.catalog import Facts
from workflow.models.molecules import Molecules
from workflow.models.parts.molecular import Molecular, perceptron, sum_edges


class _Convolution(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.perceptron = perceptron(width, width, width, norm=False)

    def forward(self, x: Tensor, graph: Molecules) -> Tensor:
        out: Tensor = self.perceptron(x + sum_edges(graph.at_sources(x), graph))
        return out


class MolecularGIN(Molecular):
    """x'_i = MLP(x_i + sum_j x_j): GIN-0 of Xu et al., ICLR 2019.

    2 x 50 has the size of the student of Joshi et al. (2022) on ogbg-molhiv (10,951), which leaves no room for a
    vector per category: the atoms' columns are read as numbers.

    Args:
        encoding, pooling: see `parts.molecular.Molecular`.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 2,
        width: int = 50,
        dropout: float = 0.5,
        encoding: str = "linear",
        pooling: str = "mean",
    ) -> None:
        super().__init__(
            facts,
            lambda: _Convolution(width),
            layers=layers,
            width=width,
            dropout=dropout,
            encoding=encoding,
            pooling=pooling,
        )
