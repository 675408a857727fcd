"""Edge attention on CSR: a softmax over in-edges, and the weighted sum of neighbours, each with its own backward pass.

Nothing of size E x C is ever built: products run through the sparse kernels, one head at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from methods.sparse import csr, rows_of, times
from workflow.models.graph import Graph


@dataclass(frozen=True)
class Neighbourhood:
    """A graph with one self-loop a node, as attention needs it.

    Attributes:
        pointers, sources: CSR by target; entry e is the edge sources[e] -> rows[e].
        rows: [E] int64.
        back_pointers, back_targets: CSR by source.
        back: [E] int64, where each entry of the CSR by source lies in the CSR by target.
        sums: [n, E] matrix of ones that adds the entries of every target.
    """

    pointers: Tensor
    sources: Tensor
    rows: Tensor
    back_pointers: Tensor
    back_targets: Tensor
    back: Tensor
    sums: Tensor

    @staticmethod
    def of(graph: Graph) -> Neighbourhood:
        return graph.memo_structure("neighbourhood", lambda: Neighbourhood._build(graph))

    @staticmethod
    def _build(graph: Graph) -> Neighbourhood:
        (pointers, sources), (back_pointers, back_targets) = graph.looped
        entries = torch.arange(len(sources), device=sources.device, dtype=sources.dtype)
        ones = torch.ones(len(sources), dtype=graph.x.dtype, device=sources.device)
        return Neighbourhood(
            pointers,
            sources,
            rows_of(pointers),
            back_pointers,
            back_targets,
            torch.argsort(sources.long() * graph.nodes + rows_of(pointers)),
            csr(pointers, entries, ones, len(sources)),
        )


def softmax(scores: Tensor, edges: Neighbourhood) -> Tensor:
    """[E, H] scores -> [E, H] weights that add up to 1 over the in-edges of every node."""
    return _Softmax.apply(scores, edges)


def aggregate(weights: Tensor, x: Tensor, edges: Neighbourhood) -> Tensor:
    """out[i] = sum over edges j -> i of weights[e] * x[j], for every head: [E, H], [n, H, C] -> [n, H, C]."""
    return _Aggregate.apply(weights, x, edges)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, edges: Neighbourhood) -> Tensor:  # type: ignore[override]
        largest = torch.segment_reduce(scores, "max", offsets=edges.pointers.long(), axis=0)
        weights = (scores - largest.index_select(0, edges.rows)).exp_()
        weights /= times(edges.sums, weights).index_select(0, edges.rows)
        ctx.edges = edges
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (weights,) = ctx.saved_tensors
        weighted = weights * gradient
        total = times(ctx.edges.sums, weighted).index_select(0, ctx.edges.rows)
        return weighted - weights * total, None


class _Aggregate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, x: Tensor, edges: Neighbourhood) -> Tensor:  # type: ignore[override]
        ctx.edges = edges
        ctx.save_for_backward(weights, x)
        nodes, heads, _ = x.shape
        columns = weights.t().contiguous()
        return torch.stack(
            [times(csr(edges.pointers, edges.sources, columns[h], nodes), x[:, h].contiguous()) for h in range(heads)],
            dim=1,
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        weights, x = ctx.saved_tensors
        edges = ctx.edges
        nodes, heads, _ = x.shape
        back = weights.index_select(0, edges.back).t().contiguous()
        zeros = csr(edges.pointers, edges.sources, torch.zeros_like(weights[:, 0]), nodes)
        of_weights, of_x = torch.empty_like(weights), torch.empty_like(x)
        for h in range(heads):
            head = gradient[:, h].contiguous()
            of_x[:, h] = times(csr(edges.back_pointers, edges.back_targets, back[h], nodes), head)
            of_weights[:, h] = torch.sparse.sampled_addmm(zeros, head, x[:, h].t()).values()
        return of_weights, of_x, None
