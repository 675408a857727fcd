"""Hardness-aware GNN-to-MLP distillation (HGMD): Wu, Liu, Lin, Huang and Li, CIKM 2024."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from baselines.parts.neighbours import divergence_along, is_loop, mixed_targets, neighbourhood, relative_entropy
from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, logits_of, one_of, share
from methods.segments import segment_softmax
from methods.spaces import LogRange
from methods.sparse import Pattern, dots
from methods.vocabulary import Kind, Objective

SMALLEST = 1e-8
"""Relative entropies of the teacher are kept above this where they divide."""


class HardnessAware(Method):
    """alpha * mean over (i, j) in K of KL(target_ij || softmax(z_S[i] / tau)), K the kept part of A + I.

    A hard row i learns from more of its neighbours j, and more from those that the teacher knows well:

        w_ij = 1 - exp(-a * cos(p_T[i], p_T[j]) * sqrt(H_T[i] H_S[i]) / H_T[j]),  w_ii = 1,

    with p = softmax(z) and H its entropy over the largest of all rows. a falls from `hardness` in the first epoch to a
    hundredth of it in the last one that may be. No gradient passes through w. The authors take w from the student
    without dropout after the last step, and keep all edges in the first epoch; here it is the student of this step.

    At every step an edge is kept with probability w_ij.

    - mixup: the target of an edge is (1 - m) p_T[i] + m p_T[j], m = w_ij b with b ~ Beta(mixing, mixing). In place of
      the divergence to the mixture the mixture of the divergences is taken, (1 - m) KL(p_T[i] || .) +
      m KL(p_T[j] || .): it has the same gradient, and no target of an edge is formed.
    - weight: the target is p_T[j], and edges weigh as cos(p_T[i], p_T[j]) w_ij, with mean 1 over the kept ones into i.

    Args:
        alpha: weight of the teacher, in [0, 1]. Default 0.9; published 0.8 to 1, tuned by dataset (their lambda is
            1 - alpha).
        hardness: a > 0 in the first epoch. Default 3; published 1 to 10.
        mixing: > 0, of the Beta distribution. Default 0.4; published 0.3 to 0.5.
        temperature: tau > 0. Default 1; published 0.8 to 1.2.
        form: mixup | weight.
    """

    title = "HGMD"
    year = 2024
    citation = "wu2024teach"
    uses_edges = True
    uses_epoch = True
    depends_on_order = True
    depends_on_rows = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    objectives = frozenset({Objective.MULTICLASS})
    search_space = {"alpha": (0.5, 0.8, 0.9, 1.0), "hardness": LogRange(1, 10), "temperature": LogRange(0.2, 5)}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        alpha: float = 0.9,
        hardness: float = 3.0,
        mixing: float = 0.4,
        temperature: float = 1.0,
        form: str = "mixup",
    ) -> None:
        super().__init__(teacher, student)
        share(self, alpha=alpha)
        at_least(self, 0, above=True, hardness=hardness, mixing=mixing, temperature=temperature)
        one_of(self, "form", form, ("mixup", "weight"))
        self.alpha, self.hardness, self.mixing = alpha, hardness, mixing
        self.temperature, self.form = temperature, form
        self.ce_weight = 1 - alpha

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z_student, z_teacher = logits_of(self, student, teacher)
        edges = neighbourhood(batch, loops=True)
        loops = batch.memo(self, "loops", lambda: is_loop(edges))
        cosines, hardness = batch.memo(self, "teacher", lambda: _of_teacher(z_teacher, edges))
        log_teacher = batch.memo(self, "targets", lambda: functional.log_softmax(z_teacher / self.temperature, 1))

        of_student = relative_entropy(z_student.detach()).sqrt().index_select(0, edges.wide(of_rows=True))
        factor = self.hardness / 100 ** ((batch.epoch - 1) / max(batch.epochs - 1, 1))
        weights = torch.where(loops, 1, -torch.expm1(-factor * hardness * of_student))
        log_student = functional.log_softmax(z_student / self.temperature, 1)
        draws = torch.rand(len(weights), generator=batch.generator, device=batch.generator.device)
        kept = (loops | (draws < weights)).to(weights.dtype)
        share = self.alpha / kept.sum().clamp(min=1)
        if self.form == "weight":
            targets = edges.wide(of_rows=True)
            degrees = kept.new_zeros(batch.rows).index_add(0, targets, kept).index_select(0, targets)
            each = segment_softmax((cosines * weights * kept).log(), edges) * degrees
            return {"hgmd": share * divergence_along(log_student, mixed_targets(log_teacher, each, edges))}
        mixed = self._mixed(weights, loops, batch.generator)
        total = divergence_along(log_student, mixed_targets(log_teacher, kept * mixed, edges))
        own = torch.where(loops, 0, kept * (1 - mixed))
        # A row's own target on the edges to its neighbours: the same sums, with the row in place of the column.
        by_row = own.new_zeros(batch.rows).index_add(0, edges.wide(of_rows=True), own)
        divergences = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(1)
        return {"hgmd": share * (total + (by_row * divergences).sum())}

    def _mixed(self, weights: Tensor, loops: Tensor, generator: torch.Generator) -> Tensor:
        """[E] the share m of the neighbour in the target of an edge."""
        concentration = torch.full((2, len(weights)), self.mixing, device=generator.device)
        left, right = torch._standard_gamma(concentration, generator=generator)
        # Both can underflow where `mixing` is small.
        beta = torch.where(left + right > 0, left / (left + right), 0.5)
        return torch.where(loops, 1, weights * beta.to(weights.dtype))


def _of_teacher(z_teacher: Tensor, edges: Pattern) -> tuple[Tensor, Tensor]:
    """[E] cos(p_T[i], p_T[j]), and [E] what depends on the teacher in the exponent of w."""
    entropies, unit = relative_entropy(z_teacher), unit_rows(functional.softmax(z_teacher, 1))
    cosines = dots(edges, unit, unit)
    own = entropies.sqrt().index_select(0, edges.wide(of_rows=True))
    return cosines, cosines * own / entropies.clamp(min=SMALLEST).index_select(0, edges.wide(of_rows=False))
