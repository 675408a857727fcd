"""Networks as one writes them with PyG. Imports nothing of this project: a plain process must not pay for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Data


class Plain(nn.Module):
    """Convolution, batch norm, ReLU, dropout."""

    def __init__(self, kind: str, widths: list[int], heads: int) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        make: dict[str, Callable[[int, int, int], nn.Module]] = {
            "gcn": lambda a, b, _: pyg.GCNConv(a, b, cached=True),
            "sage": lambda a, b, _: pyg.SAGEConv(a, b),
            "gat": lambda a, b, h: pyg.GATConv(a, b // h, h),
        }
        count = len(pairs)
        self.layers = nn.ModuleList(make[kind](a, b, heads if i < count - 1 else 1) for i, (a, b) in enumerate(pairs))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:-1])

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=False):
            x = nn.functional.dropout(norm(layer(x, edges)).relu(), 0.5, self.training)
        out: Tensor = self.layers[-1](x, edges)
        return out


class Categories(nn.Module):
    """OGB's encoder of atoms or bonds: the sum over columns of one learned vector per category."""

    def __init__(self, vocabulary: Sequence[int], width: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size in vocabulary)

    def forward(self, columns: Tensor) -> Tensor:
        vectors = [table(columns[:, place]) for place, table in enumerate(self.tables)]
        return torch.stack(vectors).sum(0)


class PlainGINE(nn.Module):
    """The network of OGB's examples for ogbg-mol*, without a virtual node.

    Args:
        vocabulary, edge_vocabulary: categories of each column of atoms and bonds.
    """

    def __init__(
        self, vocabulary: Sequence[int], edge_vocabulary: Sequence[int], layers: int, width: int, outputs: int
    ) -> None:
        super().__init__()
        self.atoms = Categories(vocabulary, width)
        self.bonds = nn.ModuleList(Categories(edge_vocabulary, width) for _ in range(layers))
        self.layers = nn.ModuleList(pyg.GINEConv(self._perceptron(width), train_eps=True) for _ in range(layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(layers))
        self.head = nn.Linear(width, outputs)

    @staticmethod
    def _perceptron(width: int) -> nn.Sequential:
        middle = nn.BatchNorm1d(2 * width)
        return nn.Sequential(nn.Linear(width, 2 * width), middle, nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, batch: Data) -> Tensor:
        """[G, tasks] logits of a batch of graphs."""
        x = self.atoms(batch.x)
        for number, (layer, bonds, norm) in enumerate(zip(self.layers, self.bonds, self.norms, strict=True)):
            x = norm(layer(x, batch.edge_index, bonds(batch.edge_attr)))
            x = nn.functional.dropout(x.relu() if number < len(self.layers) - 1 else x, 0.5, self.training)
        out: Tensor = self.head(pyg.global_mean_pool(x, batch.batch, batch.num_graphs))
        return out


class PlainRGCN(nn.Module):
    """The network of OGB's examples for ogbn-mag: RGCNConv, which loops over relations, and a root map per node type.

    Args:
        counts: nodes of every type, in the order in which they are numbered.
        features: columns of the types that have features; the others have embeddings with sparse gradients.
        relations: their number.
        widths: columns of the input, of the hidden layers and of the output.
    """

    def __init__(
        self, counts: Mapping[str, int], features: Mapping[str, int], relations: int, widths: list[int], dropout: float
    ) -> None:
        super().__init__()
        self.kinds = list(counts)
        self.dropout = dropout
        self.tables = nn.ModuleDict(
            {k: nn.Embedding(n, widths[0], sparse=True) for k, n in counts.items() if k not in features}
        )
        pairs = list(pairwise(widths))
        self.layers = nn.ModuleList(pyg.RGCNConv(a, b, relations, root_weight=False, bias=False) for a, b in pairs)
        self.roots = nn.ModuleList(nn.ModuleDict({kind: nn.Linear(a, b) for kind in counts}) for a, b in pairs)

    def forward(
        self, features: Mapping[str, Tensor], nodes: Mapping[str, Tensor], edges: Tensor, types: Tensor
    ) -> Tensor:
        """Outputs of all sampled nodes.

        Args:
            features: rows of the sampled nodes.
            nodes: their ids.
            edges, types: [2, E] and [E], numbered over all sampled nodes, type after type.
        """
        parts = [features[kind] if kind in features else self.tables[kind](nodes[kind]) for kind in self.kinds]
        x = torch.cat(parts)
        sizes = [len(part) for part in parts]
        for number, (layer, roots) in enumerate(zip(self.layers, self.roots, strict=True)):
            if not isinstance(roots, nn.ModuleDict):
                raise TypeError("a layer has one root map per node type")
            own = torch.cat([roots[k](part) for k, part in zip(self.kinds, x.split(sizes), strict=True)])
            x = layer(x, edges, types) + own
            if number < len(self.layers) - 1:
                x = nn.functional.dropout(x.relu(), self.dropout, self.training)
        return x
