"""Structural dissimilarity of all pairs of layers at once, for STRIDE: sum_ij A_ij R_ij without an R of node pairs.

- gcrd: R_ij = cross-entropy of node n's projection of S_j against all nodes' projections of T_i, unit rows over tau2
  (Joshi et al. 2022), on the shared subspace instead of heads of its own.
- gsp: R_ij = mean over pairs of nodes of (k(T_i[n], T_i[m]) - k(S_j[n], S_j[m]))^2, cosine kernel (the same).
- lsp: R_ij = mean over nodes of KL(s^T_i || s^S_j), softmax of the cosine over neighbours (Yang et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from methods.contract import Batch, NotApplicableError
from methods.edges import Edges, edgewise, neighbour_log_softmax
from methods.kernels import unit_rows
from methods.streaming import blocks, streamed_sum

STRUCTURES = ("gcrd", "lsp", "gsp")
DRAWN_ROWS = 64
"""Rows that share their drawn pairs of layers. Fewer rows spread the draws more evenly, more make larger products."""


def contrastive(weights: Tensor, student: Tensor, teacher: Tensor, tau2: float, drawn: Tensor | None = None) -> Tensor:
    """Weighted sum of R over all pairs of layers, for `gcrd`.

    Args:
        weights: A [L_t, L_s].
        student, teacher: projections [L_s, m, d] and [L_t, m, d] of m sampled rows.
        tau2: temperature.
        drawn: `draw_pairs` [m / DRAWN_ROWS, k + 1], the pairs that each block of rows is contrasted on in place of all.
    """
    rows = teacher.shape[1]
    teacher, student = unit_rows(teacher), unit_rows(student).transpose(0, 1) / tau2
    own = torch.arange(rows, device=teacher.device)
    if drawn is None:
        slices = blocks(rows, rows * student.shape[1], teacher.device)
        return streamed_sum(_cross_entropy, slices, [student, own], [teacher, weights]) / rows
    slices = blocks(rows, rows, teacher.device, DRAWN_ROWS)
    of_rows = drawn.repeat_interleave(DRAWN_ROWS, 0, output_size=len(drawn) * DRAWN_ROWS)[:rows]
    return streamed_sum(_drawn_cross_entropy, slices, [student, own, of_rows], [teacher, weights]) / rows


def draw_pairs(weights: Tensor, rows: int, count: int, generator: torch.Generator) -> Tensor:
    """Pairs of layers in proportion to their weight, places in the flattened A: [blocks of DRAWN_ROWS rows, count + 1].

    Systematic sampling: a block draws one number, and the others follow at equal distances, so that a pair of weight w
    comes up `count * w` times, rounded up or down. No pair of weight 0 is drawn, and no device is waited for. The last
    pair is drawn alone, whatever the others are: what these are held against.
    """
    cumulative = weights.detach().flatten().double().cumsum(0)
    start = torch.rand(-(-rows // DRAWN_ROWS), 2, generator=generator, device=generator.device).to(weights.device)
    steps = torch.arange(count, device=weights.device, dtype=torch.float64)
    shares = torch.cat([(start[:, :1] + steps) / count, start[:, 1:].double()], 1)
    return torch.searchsorted(cumulative, shares * cumulative[-1], right=True)


def _cross_entropy(rows: slice, student: Tensor, own: Tensor, teacher: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum over all pairs of layers, of a block's student rows [b, L_s, d]; `own` [b] is the right row."""
    total = student.new_zeros(())
    for layer, weight in zip(teacher, weights, strict=True):
        logits = student @ layer.T  # [b, L_s, m]
        right = logits.take_along_dim(own[:, None, None], 2).squeeze(2)
        total = total + ((logits.logsumexp(2) - right).sum(0) * weight).sum()
    return total


def _drawn_cross_entropy(
    rows: slice, student: Tensor, own: Tensor, drawn: Tensor, teacher: Tensor, weights: Tensor
) -> Tensor:
    """The same over a block's drawn pairs, each of the share 1 / k, which leaves all expectations as they are.

    A's own gradient comes by A / A of the drawn entries, whose value is one: times how far a pair's cross-entropy lies
    above that of the last pair, which is drawn apart. What pairs have in common says nothing of A, whose sum is fixed,
    and is most of the value: without such a baseline (Williams 1992) the gradient is all noise.
    """
    pairs = drawn[0]
    layers = weights.shape[1]
    chosen = student.transpose(0, 1).index_select(0, pairs % layers)  # [k + 1, b, d]
    logits = chosen @ teacher.index_select(0, pairs // layers).transpose(1, 2)  # [k + 1, b, m]
    right = logits.take_along_dim(own[None, :, None], 2).squeeze(2)
    entropies = (logits.logsumexp(2) - right).sum(1)
    weight = weights.flatten().index_select(0, pairs[:-1])
    above = entropies[:-1] - entropies[-1]
    return (entropies[:-1] + (weight / weight.detach() - 1) * above.detach()).mean()


def global_structure(weights: Tensor, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Weighted sum of R over all pairs of layers [m, d_j] and [m, d_i], for `gsp`.

    On unit rows, ||SS' - TT'||^2 = ||S'S||^2 + ||T'T||^2 - 2 ||S'T||^2: no matrix of pairs of nodes.
    """
    teacher, student = [unit_rows(h) for h in teacher], [unit_rows(h) for h in student]
    of_teacher = torch.stack([(h.T @ h).square().sum() for h in teacher])
    of_student = torch.stack([(h.T @ h).square().sum() for h in student])
    crossed = (torch.cat(student, 1).T @ torch.cat(teacher, 1)).square()  # [sum of d_j, sum of d_i]
    parts = [part.split([h.shape[1] for h in teacher], 1) for part in crossed.split([h.shape[1] for h in student])]
    cross = torch.stack([torch.stack([block.sum() for block in row]) for row in parts], 1)
    return (weights * (of_teacher[:, None] + of_student - 2 * cross)).sum() / len(student[0]) ** 2


def neighbourhoods(layers: Sequence[Tensor], edges: Edges) -> Tensor:
    """Log softmax of the cosine over neighbours, of every layer: [L, E]."""
    return torch.stack([neighbour_log_softmax(edgewise(h, edges, "cosine"), edges) for h in layers])


def local_structure(weights: Tensor, student: Tensor, teacher: Tensor, rows: int) -> Tensor:
    """Weighted sum of R over all pairs of layers, for `lsp`.

    Args:
        weights: A [L_t, L_s].
        student, teacher: `neighbourhoods` [L_s, E] and [L_t, E].
        rows: nodes that the mean is over.
    """
    probabilities = teacher.exp()
    divergence = (probabilities * teacher).sum(1)[:, None] - probabilities @ student.T
    return (weights * divergence).sum() / max(rows, 1)


def edges_of(batch: Batch) -> Edges:
    """The edges of a node-level batch.

    Raises:
        NotApplicableError: in graph-level tasks, where the layers' rows are graphs, with no edges between them.
    """
    if batch.graph is not None:
        raise NotApplicableError("stride: structure='lsp' is not defined for graph tasks; allowed: gcrd, gsp")
    return Edges.of(batch)
