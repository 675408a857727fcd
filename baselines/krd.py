"""Knowledge-inspired reliable distillation (KRD): Wu, Lin, Huang and Li, ICML 2023; in its form by teacher entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from baselines.parts.neighbours import divergence_along, is_loop, mixed_targets, neighbourhood, relative_entropy
from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of, share
from methods.spaces import LogRange
from methods.vocabulary import Kind, Objective

BINS = 50
FINENESS = 32
"""Exponents that are tried in every doubling, from 1/16 to 16."""


class ReliableDistillation(Method):
    """alpha * mean over (i, j) in K of KL(softmax(z_T[j] / tau) || softmax(z_S[i] / tau)), K the kept part of A + I.

    After the warm-up an edge j -> i is kept at a step with probability 1 - delta_j^q, and every row is always its own
    neighbour. delta_j says how unreliable a row of the teacher is. q is fitted to the student: in each of 50 bins of
    delta, the share of rows where student and teacher choose the same class, scaled to [0, 1] over the bins, should be
    1 - delta^q; at every step q <- momentum * q + (1 - momentum) * (the q of least squares), from q = 1.

    Departures. delta_j is the entropy of the teacher's own prediction over the largest of all rows, as in the paper's
    ablation by entropy; theirs is how much that entropy changes under noise on the features, which would take a
    second pass of the teacher. Agreement is that of the student as it trains, with dropout; theirs, of an evaluation.
    Least squares are taken over a fixed grid of exponents, which asks nothing of the host. Bins count by
    their middles (theirs, a little above); those without a row take no part, and where all bins agree q stays.

    Args:
        alpha: weight of the teacher, in [0, 1]. Default 0.9; published 0.5 to 1, tuned by dataset (their lambda is
            1 - alpha).
        temperature: tau > 0. Default 1; published 0.8 to 1.2. There is no factor tau^2.
        momentum: of q, in [0, 1]. Default 0.99 (Wu et al.).
        warm_up: epochs in which all edges are kept. Default 50 (the same).
    """

    title = "KRD (entropy)"
    year = 2023
    citation = "wu2023quantifying"
    uses_edges = True
    uses_epoch = True
    depends_on_order = True
    depends_on_rows = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"alpha": (0.5, 0.7, 0.9, 1.0), "temperature": LogRange(0.2, 5)}

    exponent: Tensor

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 0.9,
        temperature: float = 1.0,
        momentum: float = 0.99,
        warm_up: int = 50,
    ) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha, momentum=momentum)
        at_least(self, 0, warm_up=warm_up)
        at_least(self, 0, above=True, temperature=temperature)
        self.alpha, self.temperature, self.momentum, self.warm_up = alpha, temperature, momentum, warm_up
        self.ce_weight = 1 - alpha
        self.register_buffer("exponent", torch.ones(()))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        edges = neighbourhood(batch, loops=True)
        loops = batch.memo(self, "loops", lambda: is_loop(edges))
        doubt = batch.memo(self, "doubt", lambda: relative_entropy(z_teacher))
        log_teacher = batch.memo(self, "teacher", lambda: functional.log_softmax(z_teacher / self.temperature, 1))
        if batch.epoch <= self.warm_up:
            kept = log_teacher.new_ones(len(loops))
        else:
            self._fit(doubt, z_student.detach().argmax(1) == z_teacher.argmax(1))
            draws = torch.rand(len(loops), generator=batch.generator, device=batch.generator.device)
            sure = 1 - doubt.index_select(0, edges.wide(of_rows=False)) ** self.exponent.to(doubt.dtype)
            kept = (loops | (draws < sure)).to(log_teacher.dtype)
        log_student = functional.log_softmax(z_student / self.temperature, 1)
        total = divergence_along(log_student, mixed_targets(log_teacher, kept, edges))
        return {"krd": self.alpha * total / kept.sum().clamp(min=1)}

    def _fit(self, doubt: Tensor, agrees: Tensor) -> None:
        """Moves q towards the exponent that fits the agreement in the bins of doubt best."""
        doubt, agrees = doubt.to(self.exponent.dtype), agrees.to(self.exponent.dtype)
        bins = (doubt * BINS).long().clamp(max=BINS - 1)
        empty = doubt.new_zeros(BINS)
        rows = empty.index_add(0, bins, torch.ones_like(doubt))
        filled = rows > 0
        shares = empty.index_add(0, bins, agrees) / rows.clamp(min=1)
        lowest = torch.where(filled, shares, torch.inf).min()
        spread = torch.where(filled, shares, -torch.inf).max() - lowest
        wanted = (shares - lowest) / torch.where(spread > 0, spread, 1)
        middles = (torch.arange(BINS, device=doubt.device, dtype=doubt.dtype) + 0.5) / BINS
        exponents = 2 ** (
            torch.arange(-4 * FINENESS, 4 * FINENESS + 1, device=doubt.device, dtype=doubt.dtype) / FINENESS
        )
        errors = ((1 - middles ** exponents[:, None] - wanted).square() * filled).sum(1)
        # Not a scalar's index, which a GPU would have to tell the host.
        best = exponents.take_along_dim(errors.argmin(0, keepdim=True), 0)[0]
        moved = self.momentum * self.exponent + (1 - self.momentum) * best
        self.exponent.copy_(torch.where(spread > 0, moved, self.exponent))
