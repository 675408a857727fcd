"""Similarity kernels between rows: all pairs by blocks, or the pairs of a list of edges.

k(a, b):  cosine  cos(a, b)        poly  cos(a, b)^2
          l2      ||a - b||        rbf   exp(-||a - b||^2 / 2)

Distances come from inner products, ||a - b||^2 = ||a||^2 + ||b||^2 - 2 a.b, so no tensor holds a pair's d columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

KERNELS = ("cosine", "poly", "l2", "rbf")
ANGULAR = ("cosine", "poly")

TINY = 1e-12
"""Added to squared norms below a root: far below any squared norm that carries information."""

ROUNDING = 16
"""Squared distances below this many machine epsilons of ||a||^2 + ||b||^2 are rounding noise and count as zero."""


def unit_rows(h: Tensor) -> Tensor:
    """[n, d] -> rows of length one. A zero row stays zero, and its gradient stays finite (TINY)."""
    return h * torch.rsqrt(h.square().sum(1, keepdim=True) + TINY)


def prepare(h: Tensor, kernel: str) -> Tensor:
    """What is done once per row before values are taken: unit length (angular kernels), or the mean row removed.

    Distances do not change when every row moves alike, and the inner products of centred rows cancel less.
    """
    return unit_rows(h) if kernel in ANGULAR else h - h.mean(0, keepdim=True)


def angular(cosines: Tensor, kernel: str) -> Tensor:
    return cosines if kernel == "cosine" else cosines.square()


def distant(squares: Tensor, distance: Tensor, kernel: str) -> Tensor:
    """Distance kernels from ||a||^2 + ||b||^2 and ||a - b||^2 of each pair."""
    if kernel == "rbf":
        # exp(-80) is nothing beside a self-similarity of 1, and arguments that underflow take ten times as long.
        return torch.exp(distance.clamp(0, 160) * -0.5)
    # The root's slope is infinite at zero: rows that coincide get distance 0 and no gradient.
    apart = distance.detach() > ROUNDING * torch.finfo(distance.dtype).eps * squares.detach()
    return torch.where(apart, distance, 1).sqrt() * apart


def pairwise(a: Tensor, b: Tensor, kernel: str) -> Tensor:
    """Values [p, q] between PREPARED rows a [p, d] and b [q, d]."""
    if kernel in ANGULAR:
        return angular(a @ b.T, kernel)
    squares = a.square().sum(1)[:, None] + b.square().sum(1)
    return distant(squares, torch.addmm(squares, a, b.T, alpha=-2), kernel)
