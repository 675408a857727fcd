"""Ollivier's Ricci curvature of edges and nodes, by a lower bound that needs no optimal transport."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.sparse import compressed

BLOCK = 2**16
"""Paths of two edges that are looked at in one piece, or as many as there are edges, where these are more."""


def node_curvature(edge_index: Tensor, nodes: int) -> Tensor:
    """[n] float64 means of `edge_curvature` over the edges at every node; 0 for a node without any.

    Args:
        edge_index: [2, E] int64; direction, loops and repeated edges do not count.
    """
    lower, upper, curvature = edge_curvature(edge_index, nodes)
    ends = torch.cat([lower, upper])
    total = curvature.new_zeros(nodes).index_add_(0, ends, torch.cat([curvature, curvature]))
    return total / _degrees(lower, upper, nodes).clamp(min=1)


def edge_curvature(edge_index: Tensor, nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """A lower bound of the curvature kappa(x, y) = 1 - W1(m_x, m_y) of every edge; m_x is uniform on x's neighbours.

    With degrees d, the smaller and the larger one of the two ends, T triangles on the edge, and a+ = max(a, 0) (Jost
    and Liu, Discrete & Computational Geometry 51, 2014, theorem 3):

        kappa >= T / larger - (1 - 1/d_x - 1/d_y - T / smaller)+ - (1 - 1/d_x - 1/d_y - T / larger)+

    It lies in [-2, 1] and is exact on trees. Time grows with the paths of two edges that leave a node towards larger
    degrees, at most E^1.5; memory with nodes and edges.

    Args:
        edge_index: as of `node_curvature`.

    Returns:
        [P] lower and [P] upper ends of the P unordered edges, ascending; and [P] float64 bounds.
    """
    source, target = edge_index
    pairs = torch.unique(torch.minimum(source, target) * nodes + torch.maximum(source, target))
    lower, upper = pairs // max(nodes, 1), pairs % max(nodes, 1)
    kept = (lower != upper).nonzero().flatten()
    lower, upper = lower[kept], upper[kept]
    degrees = _degrees(lower, upper, nodes)
    of_lower, of_upper = degrees[lower], degrees[upper]
    of_fewer, of_more = torch.minimum(of_lower, of_upper), torch.maximum(of_lower, of_upper)
    count = triangles(lower, upper, nodes).double()
    free = 1 - 1 / of_lower - 1 / of_upper
    bound = count / of_more - (free - count / of_fewer).clamp(min=0) - (free - count / of_more).clamp(min=0)
    return lower, upper, bound


def triangles(lower: Tensor, upper: Tensor, nodes: int) -> Tensor:
    """[P] int64 common neighbours of the two ends of every edge of a simple graph.

    Every edge is directed towards its end of the larger degree (of equal ones, of the larger number). A triangle is
    then two edges that leave one node and a third one between their heads, and few edges leave a hub.

    Args:
        lower, upper: [P] int64 ends, each unordered pair once.
    """
    degrees = _degrees(lower, upper, nodes)
    turned = degrees[lower] > degrees[upper]
    pattern, order = compressed(torch.where(turned, upper, lower), torch.where(turned, lower, upper), nodes, nodes)
    tails, heads, begins = pattern.wide(of_rows=True), pattern.wide(of_rows=False), pattern.pointers.long()
    keys = tails * nodes + heads
    out = begins.diff()[tails]
    ends = out.cumsum(0)
    found = torch.zeros_like(tails)
    total = int(ends[-1]) if len(ends) else 0
    size = max(BLOCK, len(tails))
    for start in range(0, total, size):
        path = torch.arange(start, min(start + size, total), device=tails.device)
        first = torch.searchsorted(ends, path, right=True)
        second = begins[tails[first]] + path - (ends - out)[first]
        wanted = heads[first] * nodes + heads[second]
        third = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        closed = (keys[third] == wanted).long()
        for edge in (first, second, third):
            found.index_add_(0, edge, closed)
    return torch.zeros_like(found).index_copy_(0, order, found)


def _degrees(lower: Tensor, upper: Tensor, nodes: int) -> Tensor:
    """[n] float64 edges at every node."""
    ones = torch.ones(2 * len(lower), dtype=torch.float64, device=lower.device)
    return ones.new_zeros(nodes).index_add_(0, torch.cat([lower, upper]), ones)
