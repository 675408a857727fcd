"""Similarity kernels k(a, b) between two rows; methods/edges.py takes them at the ends of edges.

k(a, b):  cosine  cos(a, b)        poly  cos(a, b)^2
          l2      ||a - b||        rbf   exp(-||a - b||^2 / 2)

Distances come from inner products, ||a - b||^2 = ||a||^2 + ||b||^2 - 2 a.b: no tensor holds the columns of all pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

KERNELS = ("cosine", "poly", "l2", "rbf")
ANGULAR = ("cosine", "poly")

TINY = 1e-12
"""Added to squared norms below a root: far below any squared norm that carries information."""

ROUNDING = 16
"""Below this many machine epsilons of ||a||^2 + ||b||^2 a squared distance is rounding noise; l2 takes it as zero."""


def unit_rows(h: Tensor) -> Tensor:
    """[..., d] -> rows of length one. A zero row stays zero, and its gradient stays finite (TINY)."""
    return h * torch.rsqrt(h.square().sum(-1, keepdim=True) + TINY)


def prepare(h: Tensor, kernel: str) -> Tensor:
    """Rows [n, d] made ready for `pairwise`: unit length for angular kernels, the mean row removed for the others.

    Distances do not change when every row moves alike, and the inner products of centred rows cancel less.
    """
    return unit_rows(h) if kernel in ANGULAR else h - h.mean(0, keepdim=True)


def angular(cosines: Tensor, kernel: str) -> Tensor:
    """Values of an angular kernel from the cosines of pairs, elementwise."""
    return cosines if kernel == "cosine" else cosines.square()


def distant(lengths: Tensor, distances: Tensor, kernel: str) -> Tensor:
    """Values of a distance kernel from ||a||^2 + ||b||^2 and ||a - b||^2 of pairs, elementwise."""
    if kernel == "rbf":
        # exp(-80) is nothing beside a self-similarity of 1, and arguments that underflow take ten times as long.
        return torch.exp(distances.clamp(0, 160) * -0.5)
    # The root's slope is infinite at zero: rows that coincide get distance 0 and no gradient.
    differ = distances.detach() > ROUNDING * torch.finfo(distances.dtype).eps * lengths.detach()
    return torch.where(differ, distances, 1).sqrt() * differ


def pairwise(a: Tensor, b: Tensor, kernel: str) -> Tensor:
    """Values k(a_i, b_j) [p, q] between rows a [p, d] and b [q, d] that `prepare` has made ready alike."""
    if kernel in ANGULAR:
        return angular(a @ b.T, kernel)
    lengths = a.square().sum(1)[:, None] + b.square().sum(1)
    return distant(lengths, torch.addmm(lengths, a, b.T, alpha=-2), kernel)
