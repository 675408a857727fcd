"""The frame of the graph-level networks, after OGB's reference (Hu et al., NeurIPS 2020).

Categorical columns become vectors; then come layers of convolution, batch norm, activation and dropout, with or
without a virtual node; pooling; and one linear map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from methods.contract import Shape, Signals
from methods.vocabulary import Kind
from workflow.catalog import Facts
from workflow.models.model import Dropout, Model
from workflow.models.molecules import Categories, Molecules
from workflow.models.parts.containers import Layers
from workflow.models.parts.first_layer import check_probabilities

ENCODINGS = ("embedding", "linear")
POOLINGS = ("mean", "sum")


class CategoryEncoder(nn.Module):
    """The sum over the columns of one learned vector per category: OGB's encoders of atoms and bonds.

    Args:
        vocabulary: number of categories of each column.
    """

    offsets: Tensor

    def __init__(self, vocabulary: Sequence[int], width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(sum(vocabulary), width))
        for column in self.table.split(list(vocabulary)):
            nn.init.xavier_uniform_(column.detach())
        sizes = torch.tensor(vocabulary)
        self.register_buffer("offsets", sizes.cumsum(0) - sizes, persistent=False)

    def each(self, categories: Categories) -> Tensor:
        """[U, width]: the vectors of the distinct rows."""
        return nn.functional.embedding_bag(categories.rows + self.offsets, self.table, mode="sum")

    def forward(self, categories: Categories) -> Tensor:
        """[N, width]: the vector of every node or edge."""
        return categories.spread(self.each(categories))


class LinearEncoder(nn.Module):
    """A linear map of the columns read as numbers, each divided by its number of categories."""

    sizes: Tensor

    def __init__(self, vocabulary: Sequence[int], width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(len(vocabulary), width)
        self.register_buffer("sizes", torch.tensor(vocabulary), persistent=False)

    def forward(self, categories: Categories) -> Tensor:
        """[N, width]: the mapped columns of every node or edge."""
        shares = (categories.rows / self.sizes).to(self.linear.weight.dtype)
        return categories.spread(self.linear(shares))


def sum_edges(messages: Tensor, graph: Molecules) -> Tensor:
    """[E, d] messages -> [N, d] sums over the in-edges of every node."""
    return row_sums(messages, graph.targets, graph.edges.pointers)


def sum_nodes(x: Tensor, graph: Molecules) -> Tensor:
    """[N, d] -> [G, d] sums over the nodes of every graph."""
    return row_sums(x, graph.graph, graph.begins)


def mean_nodes(x: Tensor, graph: Molecules) -> Tensor:
    """[N, d] -> [G, d] means over the nodes of every graph, 0 for one without any."""
    return sum_nodes(x, graph) / graph.sizes.clamp(min=1).to(x.dtype)[:, None]


def row_sums(values: Tensor, rows: Tensor, pointers: Tensor) -> Tensor:
    """[E, d] entries of ascending rows [E], which begin at pointers [n + 1] -> [n, d].

    A GPU would sort the rows at every deterministic `index_add`; a CPU adds up one entry after another in any case.
    """
    if values.is_cuda and len(values):
        sums: Tensor = _SegmentSums.apply(values, rows, pointers)
        return sums
    return values.new_zeros(len(pointers) - 1, values.shape[1]).index_add(0, rows, values)


class _SegmentSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor, pointers: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return torch.segment_reduce(values.contiguous(), "sum", offsets=pointers, axis=0, unsafe=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (rows,) = ctx.saved_tensors
        return upstream[0].index_select(0, rows), None, None


def perceptron(inputs: int, middle: int, outputs: int, norm: bool) -> nn.Sequential:
    """Two linear maps with a ReLU between them, and a batch norm before it where wanted."""
    first = nn.Linear(inputs, middle)
    norms = [nn.BatchNorm1d(middle)] if norm else []
    return nn.Sequential(first, *norms, nn.ReLU(), nn.Linear(middle, outputs))


class VirtualNode(nn.Module):
    """One more node per graph, joined to all others (Gilmer et al., ICML 2017, as in OGB's reference).

    Its state v (learned, 0 at first) is added to every node before a layer. After each layer but the last,
    v' = MLP(v + sum of the nodes), with batch norm, ReLU and dropout.
    """

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(1, width))
        self.updates = Layers(
            nn.Sequential(perceptron(width, 2 * width, width, norm=True), nn.BatchNorm1d(width), nn.ReLU())
            for _ in range(layers - 1)
        )


class Molecular(Model):
    """`layers` convolutions of `width` columns between an encoder of atoms and a linear map of the pooled graph.

    Every layer but the last ends with a ReLU, as in OGB's reference; all are hidden layers.

    Args:
        convolution: makes one layer: called with (x [N, width], graph), gives [N, width].
        encoding: of the atoms; "linear" has no learned vector per category and suits the smallest students.
        pooling: of the last layer's nodes, "mean" or "sum".
    """

    kinds = frozenset({Kind.GRAPH})

    def __init__(
        self,
        facts: Facts,
        convolution: Callable[[], nn.Module],
        *,
        layers: int,
        width: int,
        dropout: float,
        virtual_node: bool = False,
        encoding: str = "embedding",
        pooling: str = "mean",
    ) -> None:
        super().__init__()
        if layers < 1 or width < 1:
            raise ValueError("layers and width must be at least 1")
        check_probabilities(dropout=dropout)
        for name, value, allowed in (("encoding", encoding, ENCODINGS), ("pooling", pooling, POOLINGS)):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}; not '{value}'")
        self.shape = Shape((width,) * layers, facts.outputs)
        self.dropout = dropout
        vocabulary = facts.info["vocabulary"]
        self.encoder = (CategoryEncoder if encoding == "embedding" else LinearEncoder)(vocabulary, width)
        self.convolutions = nn.ModuleList(convolution() for _ in range(layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(layers))
        self.virtual = VirtualNode(layers, width) if virtual_node else None
        self.pool = mean_nodes if pooling == "mean" else sum_nodes
        self.head = nn.Linear(width, facts.outputs)

    @property
    def classifier(self) -> nn.Linear | None:
        return self.head if self.pool is mean_nodes else None

    def forward(self, graph: Molecules, dropout: Dropout) -> Signals:
        """Signals of a batch: logits [G, tasks] of its graphs, hidden states [N, width] of its nodes."""
        x = self.encoder(graph.atoms)
        state = self.virtual.start.expand(graph.graphs, -1) if self.virtual is not None else None
        hidden: list[Tensor] = []
        last = len(self.convolutions) - 1
        for layer, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            if state is not None:
                x = x + graph.at_nodes(state)
            out = norm(convolution(x, graph))
            if layer < last:
                out = out.relu()
                if self.virtual is not None and state is not None:
                    state = dropout(self.virtual.updates[layer](state + sum_nodes(x, graph)), self.dropout)
            hidden.append(out)
            x = dropout(out, self.dropout)
        return Signals(self.head(self.pool(x, graph)), tuple(hidden))
