"""Attention-based feature distillation (AFD): Ji, Heo and Park, "Show, Attend and Distill", AAAI 2021."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY
from methods.pairing import at_least, layers_of, whole
from methods.spaces import LogRange


class AttentionFeatures(Method):
    """beta * mean_g sum_i sum_j A_gij ||m(T_i)_g - m(S_j)_g||^2 over hidden layers i of the teacher, j of the student.

    As ABKD, with which it shares the idea, it lets attention choose what layer learns from what; but the compared
    values have nothing to train:

    - m(H)_g is the map of a graph g: the mean square of every node's columns, a unit vector over the nodes of g.
    - A_g is a softmax over j of ((B_i k_j) . q_i + p_i . r_j) / sqrt(dim), with queries q_i = W_i mean(T_i) + c and
      keys k_j = relu(U_j mean(S_j) + e) of means over the nodes of g, and a trained p_i and r_j of every layer.

    A graph takes an image's part, and its nodes the part of the pixels: in node-level tasks that is the whole batch.
    Departures: no batch norm on queries and keys, because there may be one graph alone. No resampling of maps, because
    both networks have the same nodes. A student of one hidden layer leaves nothing to attend to.

    Args:
        beta: weight. The published 200 multiplies an error averaged over the positions of a map; here they are summed,
            so that it is 200 / 64 on a map of 8 x 8, the default. The authors add it to CE and kd (weight 0.9,
            temperature 4).
        dim: of queries and keys. Default 128 (the authors' code).
    """

    title = "AFD"
    year = 2021
    citation = "ji2021show"
    uses_hidden = True
    search_space = {"beta": LogRange(0.03, 300)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 200 / 64, dim: int = 128) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        whole(self, dim=dim)
        self.beta = beta
        several = len(student.hidden) > 1
        self.attention = FeatureAttention(teacher.hidden, student.hidden, dim) if several else None

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        layers_of(self, student, teacher, batch)
        hidden = [h.detach() for h in teacher.hidden]
        of_teacher = batch.memo(self, "teacher maps", lambda: _maps(hidden, batch))
        of_student = _maps(student.hidden, batch)
        errors = (
            _per_graph(of_teacher.square(), batch)[:, :, None]
            + _per_graph(of_student.square(), batch)[:, None, :]
            - 2 * _products(of_teacher, of_student, batch)
        )
        if self.attention is not None:
            means = batch.memo(self, "teacher means", lambda: [_mean(h, batch) for h in hidden])
            errors = errors * self.attention(means, [_mean(h, batch) for h in student.hidden])
        return {"afd": self.beta * errors.sum((1, 2)).mean()}


class FeatureAttention(nn.Module):
    """A [g, L_t, L_s] of sum one over the student's layers, from the means [g, d_l] of all layers.

    Args:
        teacher, student: widths of the layers.
        dim: of queries and keys.
    """

    def __init__(self, teacher: Sequence[int], student: Sequence[int], dim: int) -> None:
        super().__init__()
        self.query = nn.ModuleList(nn.Linear(width, dim) for width in teacher)
        self.key = nn.ModuleList(nn.Linear(width, dim) for width in student)
        # A bias would add the same to the scores of all student layers.
        self.bilinear = nn.Linear(dim, dim * len(teacher), bias=False)
        self.of_teacher = nn.Parameter(nn.init.xavier_normal_(torch.empty(len(teacher), dim)))
        self.of_student = nn.Parameter(nn.init.xavier_normal_(torch.empty(len(student), dim)))

    def forward(self, teacher: Sequence[Tensor], student: Sequence[Tensor]) -> Tensor:
        """Means of all layers -> A."""
        queries = torch.stack([one(x) for one, x in zip(self.query, teacher, strict=True)], 1)  # [g, L_t, dim]
        keys = torch.relu(torch.stack([one(x) for one, x in zip(self.key, student, strict=True)], 1))
        turned = self.bilinear(keys).unflatten(2, queries.shape[1:])  # [g, L_s, L_t, dim]
        scores = torch.einsum("gstd,gtd->gts", turned, queries) + self.of_teacher @ self.of_student.T
        root: float = queries.shape[2] ** 0.5
        return torch.softmax(scores / root, 2)


def _per_graph(x: Tensor, batch: Batch) -> Tensor:
    """[n, k] -> [g, k] sums over the nodes of every graph; of all rows where there are no graphs, g = 1."""
    if batch.graph is None:
        return x.sum(0, keepdim=True)
    return x.new_zeros(len(batch.labels), x.shape[1]).index_add(0, batch.graph, x)


def _mean(h: Tensor, batch: Batch) -> Tensor:
    """[n, d] -> [g, d]."""
    return h.mean(0, keepdim=True) if batch.graph is None else batch.pool(h)


def _maps(layers: Sequence[Tensor], batch: Batch) -> Tensor:
    """[n, L] maps of all layers, each of length one over every graph; a map of zeros stays one."""
    squares = torch.stack([h.square().mean(1) for h in layers], 1)
    inverse = torch.rsqrt(_per_graph(squares.square(), batch) + TINY)
    return squares * (inverse if batch.graph is None else inverse.index_select(0, batch.graph))


def _products(teacher: Tensor, student: Tensor, batch: Batch) -> Tensor:
    """[g, L_t, L_s] inner products of maps [n, L_t] and [n, L_s]."""
    if batch.graph is None:
        return (teacher.T @ student)[None]
    both = teacher[:, :, None] * student[:, None, :]
    return _per_graph(both.flatten(1), batch).view(-1, *both.shape[1:])
