"""Losses over all pairs of nodes as one would write them: whole n x n matrices, plain torch, autograd.

Each takes the project's method, for its weights and heads, and gives the sum of its terms.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from abkd.abkd import AttentionBasedKD
from abkd.stride import StructureAndEmbedding
from baselines.gcrd import ContrastiveRepresentation
from baselines.gsp import GlobalStructure
from methods.contract import Signals


def similarities(h: Tensor, kernel: str) -> Tensor:
    """k(h_i, h_j) [n, n]."""
    if kernel in ("cosine", "poly"):
        unit = functional.normalize(h)
        cosines = unit @ unit.T
        return cosines if kernel == "cosine" else cosines.square()
    squares = h.square().sum(1)
    distances = squares[:, None] + squares - 2 * h @ h.T
    # A row's distance to itself is constant, and the root's slope there infinite.
    distances = distances.fill_diagonal_(1).clamp(min=0)
    return distances.sqrt() if kernel == "l2" else torch.exp(-distances / 2)


def gsp(method: GlobalStructure, student: Signals, teacher: Signals) -> Tensor:
    with torch.no_grad():
        goal = similarities(teacher.last, method.kernel)
    return method.beta * functional.mse_loss(similarities(student.last, method.kernel), goal)


def gcrd(method: ContrastiveRepresentation, student: Signals, teacher: Signals) -> Tensor:
    f = functional.normalize(method.heads.student(student.last))
    g = functional.normalize(method.heads.teacher(teacher.last))
    return method.beta * functional.cross_entropy(f @ g.T / method.tau2, torch.arange(len(f)))


def stride(method: StructureAndEmbedding, student: Signals, teacher: Signals) -> Tensor:
    """Every pair of layers in turn."""
    s, t = (*student.hidden, student.logits), (*teacher.hidden, teacher.logits)
    weights = _attention(method, s, t)
    x, y = _projected(method, s, t)
    n, dim = x[0].shape
    own = torch.arange(n)
    if method.structure == "gsp":
        s_pairs, t_pairs = ([similarities(layer, "cosine") for layer in layers] for layers in (s, t))
    total = torch.zeros((), dtype=weights.dtype)
    for i, projected in enumerate(x):
        for j, small_projected in enumerate(y):
            # The squared distance of standardised columns, without what rounds their variances to one.
            alignment = 2 - 2 * (projected * small_projected).sum() / (n * dim)
            if method.structure == "gcrd":
                logits = functional.normalize(small_projected) @ functional.normalize(projected).T / method.tau2
                structure = functional.cross_entropy(logits, own)
            else:
                structure = functional.mse_loss(s_pairs[j], t_pairs[i])
            total = total + weights[i, j] * (method.beta * alignment + method.structure_weight * structure)
    return total


def _attention(method: AttentionBasedKD, s: tuple[Tensor, ...], t: tuple[Tensor, ...]) -> Tensor:
    """A [L_t, L_s], a mean over the teacher's layers."""
    assert method.attention is not None
    sides = []
    for layers, stacked in ((t, method.attention.query), (s, method.attention.key)):
        matrices = stacked.weight.split([h.shape[1] for h in layers])
        sides.append(torch.stack([m.T @ h.mean(0) for m, h in zip(matrices, layers, strict=True)]))
    scores = sides[0] @ sides[1].T / method.dim**0.5
    weights: Tensor = scores.softmax(1) / len(t)
    return weights


def _projected(
    method: AttentionBasedKD, s: tuple[Tensor, ...], t: tuple[Tensor, ...]
) -> tuple[list[Tensor], list[Tensor]]:
    """Standardised projections of the teacher's and of the student's layers, [n, dim] each."""
    assert method.subspace is not None
    sides = []
    for layers, stacked in ((t, method.subspace.teacher), (s, method.subspace.student)):
        matrices = stacked.weight.split([h.shape[1] for h in layers])
        projected = [h @ m for h, m in zip(layers, matrices, strict=True)]
        sides.append([(p - p.mean(0)) / (p.var(0, correction=0) + 1e-5).sqrt() for p in projected])
    return sides[0], sides[1]
