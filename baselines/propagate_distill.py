"""Propagate and Distill: Shin and Shin, LoG 2023."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from baselines.parts.labelled import known
from baselines.parts.neighbours import neighbourhood
from methods.contract import Batch, Method, NotApplicableError, Shape, Signals
from methods.pairing import logits_of, one_of, share, whole
from methods.sparse import Entries, Pattern
from methods.vocabulary import Kind, Objective


class PropagateDistill(Method):
    """alpha * mean_n KL(p_T~[n] || p_S[n]), p_T~ the teacher's soft targets after k steps of propagation.

        p <- gamma * D^-1/2 A D^-1/2 p + (1 - gamma) * softmax(z_T),

    from p = softmax(z_T), with the rows divided by their sums at the end. A row without neighbours keeps its own
    targets. Of a graph that random walks induce, its edges are all there is; on drawn neighbours, whose own are not
    known, it is skipped.

    Args:
        alpha: weight of the teacher, in [0, 1]. Default 1 (Shin and Shin, as GLNN).
        gamma: share of the neighbours, in [0, 1]. Default 0.9 (the same).
        steps: k, whole. Default 10, this project's; the authors' code has no default but 0.
        fixed: whether labelled rows get their own targets back after every step, their P&D-fix.
    """

    title = "P&D"
    year = 2023
    citation = "shin2023propagate"
    uses_edges = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"alpha": (0.5, 0.8, 1.0), "gamma": (0.5, 0.7, 0.9), "steps": (1, 2, 5, 10, 20, 50)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 1.0,
        gamma: float = 0.9,
        steps: int = 10,
        fixed: bool = False,
    ) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha, gamma=gamma)
        whole(self, steps=steps)
        one_of(self, "fixed", fixed, (True, False))
        self.alpha, self.gamma, self.steps, self.resets = alpha, gamma, steps, fixed
        self.ce_weight = 1 - alpha

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        if batch.own is not None:
            raise NotApplicableError("propagates over all edges, of which drawn neighbours are some")
        edges = neighbourhood(batch)
        targets = batch.memo(self, "targets", lambda: self._targets(z_teacher, edges, batch))
        divergence = functional.kl_div(functional.log_softmax(z_student, 1), targets, reduction="batchmean")
        return {"propagated": self.alpha * divergence}

    def _targets(self, z_teacher: Tensor, edges: Pattern, batch: Batch) -> Tensor:
        """[n, C], rows of sum 1."""
        start = functional.softmax(z_teacher, 1)
        degrees = edges.counts.to(start.dtype)
        inverse = torch.where(degrees > 0, degrees, torch.inf).rsqrt()
        weights = inverse.index_select(0, edges.wide(of_rows=True)) * inverse.index_select(0, edges.wide(of_rows=False))
        adjacency, kept = Entries(edges, weights), known(batch)[:, None]
        targets = start
        for _ in range(self.steps):
            targets = self.gamma * (adjacency @ targets) + (1 - self.gamma) * start
            if self.resets:
                targets = torch.where(kept, start, targets)
        # With gamma 1 a row without neighbours has nothing left.
        total = targets.sum(1, keepdim=True)
        return torch.where(total > 0, targets / torch.where(total > 0, total, 1), start)
