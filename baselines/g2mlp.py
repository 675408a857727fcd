"""G2MLP (2026): soft targets, and Gaussians of neighbourhoods weighted by curvature. A reconstruction."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.parts.curvature import node_curvature
from baselines.parts.neighbours import neighbourhood
from methods.contract import Batch, Method, NotApplicableError, Shape, Signals
from methods.kernels import ROUNDING
from methods.pairing import at_least, last_of, logits_of, share
from methods.spaces import LogRange
from methods.sparse import Entries, Matrix
from methods.vocabulary import Kind, Objective

Gaussian = tuple[Tensor, Tensor]
"""Means and standard deviations, [n, d] each."""


class CurvatureWeighted(Method):
    """alpha * KL(p_T || p_S) + beta * (W(h) + W(z)), p = softmax(z), on last hidden layer and logits; labels 1 - alpha.

        W(x) = mean_i w_i (|mu_T[i] - mu_S[i]|^2 + |sigma_T[i] - sigma_S[i]|^2) / d
        w_i  = exp(gamma kappa_i) / mean_j exp(gamma kappa_j)

    mu[i] and sigma[i] are mean and standard deviation, in each of d columns of x, over node i and its in-neighbours.
    The squared 2-Wasserstein distance of two Gaussians with diagonal covariance is |mu - mu'|^2 + |sigma - sigma'|^2.
    kappa_i is the node's curvature.

    **A reconstruction.** Known of the paper are its parts and weights: soft targets (weight 1; labels 0), Wasserstein
    distances of diagonal Gaussians of neighbourhoods, of hidden states and of logits (weight 0.01, 0.1 or 0.5), and
    their weighting by Ollivier-Ricci curvature of nodes, computed once, with gamma 1. Equations and code are not known.
    This project's choices:

    - A neighbourhood is a node and its in-neighbours among the distilled rows, all alike. Distil on all nodes.
    - Of the hidden layers the last one; a trained linear map takes the student's to the teacher's width.
    - The squared distance, divided by the columns, so that a weight means the same at any width.
    - Weights grow with curvature: edges inside of clusters have a high one, bridges between them a low one, and one
      Gaussian says little of a neighbourhood that spans several. A negative gamma turns this around; 0 is the control.
    - kappa_i is the mean, over the node's edges that a step sees, of Jost and Liu's lower bound: exact on trees, and
      without an optimal transport for each edge. On drawn neighbours, whose edges are not known, it is skipped.

    Args:
        alpha: weight of the soft targets, in [0, 1]. Default 1 (published).
        beta: weight of the two distances. Default 0.1 (published: 0.01, 0.1, 0.5).
        gamma: how strongly curvature weighs. Default 1 (published).
    """

    title = "G2MLP (reconstructed)"
    year = 2026
    citation = "g2mlp2026"
    uses_hidden = True
    uses_edges = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"alpha": (0.5, 0.9, 1.0), "beta": LogRange(0.01, 10), "gamma": (-1.0, 0.0, 1.0)}

    def __init__(
        self, teacher: Shape, student: Shape, *, alpha: float = 1.0, beta: float = 0.1, gamma: float = 1.0
    ) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha)
        at_least(self, 0, beta=beta)
        at_least(self, -100, gamma=gamma)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.ce_weight = 1 - alpha
        self.head = nn.Linear(student.hidden[-1], teacher.hidden[-1])

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        h_student, h_teacher = last_of(self, student, teacher, batch)
        if batch.own is not None:
            raise NotApplicableError("curvature rests on the edges among neighbours, which are not drawn")
        mean = batch.memo(self, "mean", lambda: _mean_over_neighbours(batch, z_teacher.dtype))
        of_teacher = batch.memo(self, "teacher", lambda: [gaussians(x, mean) for x in (h_teacher, z_teacher)])
        weights = batch.memo(self, "weights", lambda: self._weights(batch, z_teacher.dtype))
        of_student = [gaussians(x, mean) for x in (self.head(h_student), z_student)]
        hidden, logits = (
            self.beta * (weights * distances(a, b)).mean() for a, b in zip(of_student, of_teacher, strict=True)
        )
        log_student, log_teacher = (functional.log_softmax(z, 1) for z in (z_student, z_teacher))
        divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
        return {"kd": self.alpha * divergence, "hidden": hidden, "logits": logits}

    def _weights(self, batch: Batch, dtype: torch.dtype) -> Tensor:
        """[n] w_i, of mean 1."""
        curvature = node_curvature(batch.edge_index, batch.rows)
        return (torch.softmax(self.gamma * curvature, 0) * batch.rows).to(dtype)


def _mean_over_neighbours(batch: Batch, dtype: torch.dtype) -> Matrix:
    """[n, n] the mean over every row and its in-neighbours."""
    pattern = neighbourhood(batch, loops=True)
    values = (1 / pattern.counts.to(dtype)).index_select(0, pattern.rows)
    return Matrix(Entries(pattern, values), Entries(pattern.transposed, values.index_select(0, pattern.order)))


def gaussians(x: Tensor, mean: Matrix) -> Gaussian:
    """The diagonal Gaussian of every neighbourhood of rows [n, d].

    A column's mean is taken off first, and a variance that is rounding alone is 0 without a gradient.
    """
    shift = x.detach().mean(0)
    centred = x - shift
    first, second = (mean @ torch.cat([centred, centred.square()], 1)).chunk(2, 1)
    variance = second - first.square()
    spread = variance.detach() > ROUNDING * torch.finfo(x.dtype).eps * second.detach()
    return first + shift, torch.where(spread, variance, 1).sqrt() * spread


def distances(a: Gaussian, b: Gaussian) -> Tensor:
    """[n] squared 2-Wasserstein distances of diagonal Gaussians, divided by their columns."""
    return sum((x - y).square().mean(1) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]
