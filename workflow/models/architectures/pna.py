"""Principal neighbourhood aggregation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from methods.sparse import Pattern
from workflow.catalog import Facts
from workflow.models.molecules import Molecules
from workflow.models.parts.molecular import CategoryEncoder, Molecular, row_sums, sum_edges

SMALLEST_VARIANCE = 1e-5
"""A variance up to this counts as 0, where the square root has no gradient."""


class _Convolution(nn.Module):
    """One tower, one linear map before and one behind the aggregation, as PyG's PNAConv by default."""

    def __init__(self, facts: Facts, width: int) -> None:
        super().__init__()
        self.bonds = CategoryEncoder(facts.info["edge_vocabulary"], width)
        self.edge = nn.Linear(width, width)
        self.before = nn.Linear(3 * width, width)
        self.behind = nn.Linear(13 * width, width)
        self.last = nn.Linear(width, width)

    def forward(self, x: Tensor, graph: Molecules) -> Tensor:
        gathered = aggregate(self._messages(x, graph), graph)
        width = x.shape[1]
        # The scalers multiply rows, so that they may be applied behind the map: no [N, 12 width] is needed.
        own, *scaled = self.behind.weight.split([width, 4 * width, 4 * width, 4 * width], dim=1)
        out = torch.addmm(self.behind.bias, x, own.t())
        for scale, weight in zip(scales(graph, x.dtype), scaled, strict=True):
            product = gathered @ weight.t()
            out = out + (product if scale is None else scale * product)
        mixed: Tensor = self.last(out)
        return mixed

    def _messages(self, x: Tensor, graph: Molecules) -> Tensor:
        """[E, width]: the map of (x_i, x_j, e_ij), each part of it applied before the parts are gathered."""
        target, source, edge = torch.split(self.before.weight, x.shape[1], dim=1)
        bonds: Tensor = self.edge(self.bonds.each(graph.bonds)) @ edge.t() + self.before.bias
        ends = graph.at_targets(x @ target.t()) + graph.at_sources(x @ source.t())
        return ends + graph.bonds.spread(bonds)


def aggregate(messages: Tensor, graph: Molecules) -> Tensor:
    """[E, d] -> [N, 4 d]: mean, minimum, maximum and standard deviation over in-edges; 0 for a node without any."""
    count = graph.degree.clamp(min=1).to(messages.dtype)[:, None]
    mean = sum_edges(messages, graph) / count
    variance = sum_edges(messages * messages, graph) / count - mean * mean
    deviation = torch.where(variance > SMALLEST_VARIANCE, variance.clamp(min=SMALLEST_VARIANCE).sqrt(), 0)
    return torch.cat([mean, -_maximum(-messages, graph), _maximum(messages, graph), deviation], dim=1)


def _maximum(messages: Tensor, graph: Molecules) -> Tensor:
    largest: Tensor = _Maximum.apply(messages, graph.edges)
    return torch.where((graph.degree > 0)[:, None], largest, 0)


class _Maximum(torch.autograd.Function):
    """[E, d] -> [N, d], the largest message of every node.

    Equal ones share the gradient, as in `scatter_reduce(reduce="amax")`: a quarter of the maxima of a first layer are
    such, since molecules repeat few atoms and bonds. The gradient of torch's `segment_reduce` is another one there.
    """

    @staticmethod
    def forward(ctx: Any, messages: Tensor, edges: Pattern) -> Tensor:
        largest = torch.segment_reduce(messages, "max", offsets=edges.pointers, axis=0)
        ctx.edges = edges
        ctx.save_for_backward(messages == largest.index_select(0, edges.rows))
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (equal,), rows = ctx.saved_tensors, ctx.edges.rows
        gradient = upstream[0]
        winners = equal.to(gradient.dtype)
        shared = row_sums(winners, rows, ctx.edges.pointers).clamp_(min=1)
        return winners.mul_((gradient / shared).index_select(0, rows)), None


def scales(graph: Molecules, dtype: torch.dtype) -> list[Tensor | None]:
    """Identity (None), amplification and attenuation, [N, 1] each: log(d + 1) / delta and its inverse."""
    amplification = torch.log1p(graph.degree.to(dtype)) / graph.log_degree
    attenuation = graph.log_degree / torch.log1p(graph.degree.clamp(min=1).to(dtype))
    return [None, amplification[:, None], attenuation[:, None]]


class PNA(Molecular):
    """x'_i = V(U(x_i, S (x) A_j M(x_i, x_j, e_ij))): Corso et al., NeurIPS 2020.

    Aggregators A are mean, minimum, maximum and standard deviation; scalers S identity, amplification and attenuation;
    M, U and V linear.

    Within OGB's frame and with its virtual node, 5 x 150 has 2,431,051 parameters on ogbg-molhiv. Joshi et al. (2022)
    print 2,433,901 for theirs and published no code of it: but for a fifth chirality in today's `ogb` (150) that is
    3,000 more, four vectors of 150 per layer.

    Args:
        virtual_node: see `parts.molecular.VirtualNode`.
        encoding, pooling: see `parts.molecular.Molecular`.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 5,
        width: int = 150,
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
