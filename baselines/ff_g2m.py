"""Full-frequency GNN-to-MLP distillation (FF-G2M): Wu, Lin, Huang, Fan and Li, AAAI 2023."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from baselines.parts.neighbours import divergence_along, mixed_targets, neighbourhood, sum_over_edges
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of, one_of, share
from methods.spaces import LogRange
from methods.vocabulary import Kind, Objective


class FullFrequency(Method):
    """alpha * (LFD + HFD) beside (1 - alpha) * CE, the two halves of the distillation loss of Wu et al. 2023.

    - LFD = mean over (i, j) in A + I of KL(p_T[j] || p_S[i]), p = softmax(z): what neighbours have in common.
    - HFD = mean over (i, j) in A of KL(softmax(|z_T[i] - z_T[j]| / tau) || softmax(|z_S[i] - z_S[j]| / tau)): how they
      differ, class by class.

    Made for students without edges; others may have it too. Edges among the distilled rows are all it sees: distil on
    all nodes.

    Args:
        alpha: weight of both terms, in [0, 1]. Default 0.9; published 0.6 to 1, tuned by dataset (their lambda is
            1 - alpha).
        temperature: tau > 0, of HFD alone. Default 1.5; published 1 to 1.5.
        low, high: whether LFD and HFD take part; one of them must.
    """

    title = "FF-G2M"
    year = 2023
    citation = "wu2023extracting"
    uses_edges = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"alpha": (0.5, 0.6, 0.8, 0.9, 1.0), "temperature": LogRange(0.3, 4)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 0.9,
        temperature: float = 1.5,
        low: bool = True,
        high: bool = True,
    ) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha)
        at_least(self, 0, above=True, temperature=temperature)
        one_of(self, "low", low, (True, False))
        one_of(self, "high", high, (True, False) if low else (True,))
        self.alpha, self.temperature, self.low, self.high = alpha, temperature, low, high
        self.ce_weight = 1 - alpha

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        terms = {}
        if self.low:
            terms["low"] = self.alpha * self._low(z_student, z_teacher, batch)
        if self.high:
            edges = neighbourhood(batch)
            total = sum_over_edges(self._high, edges, [z_student, z_teacher])
            terms["high"] = total * (self.alpha / max(len(edges.columns), 1))
        return terms

    def _low(self, z_student: Tensor, z_teacher: Tensor, batch: Batch) -> Tensor:
        edges = neighbourhood(batch, loops=True)

        def mixed() -> tuple[Tensor, Tensor]:
            return mixed_targets(functional.log_softmax(z_teacher, 1), z_teacher.new_ones(len(edges.columns)), edges)

        total = divergence_along(functional.log_softmax(z_student, 1), batch.memo(self, "low", mixed))
        return total / max(len(edges.columns), 1)

    def _high(self, rows: slice, ones: Tensor, i: Tensor, j: Tensor, z_student: Tensor, z_teacher: Tensor) -> Tensor:
        """Sum of the divergences of a block of edges j -> i."""
        of_student, of_teacher = (self._differences(z, i, j) for z in (z_student, z_teacher))
        return functional.kl_div(of_student, of_teacher, reduction="sum", log_target=True)

    def _differences(self, z: Tensor, i: Tensor, j: Tensor) -> Tensor:
        """[b, C] log softmax of the absolute differences of two ends' logits."""
        return torch.log_softmax((z.index_select(0, i) - z.index_select(0, j)).abs() / self.temperature, 1)
