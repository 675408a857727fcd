"""Structural dissimilarity of all pairs of layers at once, for STRIDE: sum_ij A_ij R_ij without an R of node pairs.

- gcrd: R_ij = cross-entropy of node n's student projection y_j[n] against all teacher projections x_i[.], unit rows
  over tau2 (Joshi et al. 2022), on the shared subspace instead of heads of its own.
- gsp: R_ij = mean over pairs of nodes of (k(T_i[n], T_i[m]) - k(S_j[n], S_j[m]))^2, cosine kernel (the same).
- lsp: R_ij = mean over nodes of KL(s^T_i || s^S_j), softmax of the cosine over neighbours (Yang et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from methods.contract import Batch, NotApplicableError
from methods.edges import Edges, edgewise, neighbour_log_softmax
from methods.kernels import TINY, unit_rows
from methods.streaming import blocks, streamed_sum

STRUCTURES = ("gcrd", "lsp", "gsp")


def contrastive(weights: Tensor, x: Tensor, y: Tensor, tau2: float, block: int | None = None) -> Tensor:
    """sum_ij A_ij R_ij of `gcrd`.

    Args:
        weights: A [L_t, L_s].
        x, y: projections [L_t, m, d] of the teacher's and [L_s, m, d] of the student's layers.
    """
    m = x.shape[1]
    x, y = _unit(x), _unit(y).transpose(0, 1) / tau2
    own = torch.arange(m, device=x.device)

    def cross_entropy(rows: slice, y: Tensor, own: Tensor, x: Tensor, weights: Tensor) -> Tensor:
        total = y.new_zeros(())
        for i, teacher in enumerate(x):
            logits = y @ teacher.T  # [b, L_s, m]
            right = logits.take_along_dim(own[:, None, None], 2).squeeze(2)
            total = total + ((logits.logsumexp(2) - right).sum(0) * weights[i]).sum()
        return total

    slices = blocks(m, m * y.shape[1], x.device, block)
    return streamed_sum(cross_entropy, slices, [y, own], [x, weights]) / m


def global_structure(weights: Tensor, teacher: Sequence[Tensor], student: Sequence[Tensor]) -> Tensor:
    """sum_ij A_ij R_ij of `gsp`: ||TT' - SS'||^2 = ||T'T||^2 + ||S'S||^2 - 2 ||S'T||^2 on unit rows [m, d_l]."""
    m = len(student[0])
    t, s = [unit_rows(h) for h in teacher], [unit_rows(h) for h in student]
    t_square = torch.stack([(h.T @ h).square().sum() for h in t])
    s_square = torch.stack([(h.T @ h).square().sum() for h in s])
    all_t, all_s = torch.cat(t, 1), torch.cat(s, 1)
    crossed = (all_s.T @ all_t).square()  # [sum d_j, sum d_i]
    parts = [part.split([h.shape[1] for h in t], 1) for part in crossed.split([h.shape[1] for h in s])]
    cross = torch.stack([torch.stack([block.sum() for block in row]) for row in parts], 1)
    return (weights * (t_square[:, None] + s_square - 2 * cross)).sum() / m**2


def neighbourhoods(layers: Sequence[Tensor], edges: Edges) -> Tensor:
    """Log softmax of the cosine over neighbours, of every layer: [L, E]."""
    return torch.stack([neighbour_log_softmax(edgewise(h, edges, "cosine"), edges) for h in layers])


def local_structure(weights: Tensor, teacher: Tensor, student: Tensor, rows: int) -> Tensor:
    """sum_ij A_ij R_ij of `lsp`, from the `neighbourhoods` [L_t, E] and [L_s, E]; mean over `rows` nodes."""
    p = teacher.exp()
    divergence = (p * teacher).sum(1)[:, None] - p @ student.T
    return (weights * divergence).sum() / max(rows, 1)


def edges_of(batch: Batch) -> Edges:
    """The edges of a node-level batch.

    Raises:
        NotApplicableError: in graph-level tasks, where the layers' rows are graphs, with no edges between them.
    """
    if batch.graph is not None:
        raise NotApplicableError("stride: structure='lsp' is not defined for graph tasks; allowed: gcrd, gsp")
    return Edges.of(batch)


def _unit(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + TINY)
