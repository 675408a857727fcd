"""The smoothing term of TINED, Dirichlet energy distillation: Zhou, Ding, Shi, Li and Shen, ICML 2025."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.parts.neighbours import neighbourhood
from baselines.parts.partners import partner
from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import TINY, unit_rows
from methods.pairing import at_least, layers_of
from methods.segments import at_columns, at_rows
from methods.spaces import LogRange
from methods.sparse import Pattern, product
from methods.vocabulary import Kind


class EnergyRatios(Method):
    """beta * mean_j ( log E(S_j+1) / E(S_j) - log E(T_i(j+1)) / E(T_i(j)) )^2 over consecutive layers j of the student.

    E(H) = mean over edges j -> i of ||u(H[i]) - u(H[j])||^2, u to length one: the Dirichlet energy of unit rows, which
    smoothing lowers. A student layer must smooth as the teacher does between the same relative depths i(j). The logits
    are the last layer of both.

    Departures. TINED compares the ratios of the teacher's transformations and aggregations apart, each with one layer
    of an MLP that starts from the teacher's weights: what a layer does inside, and weights, no method sees here. The
    gradient passes through the lengths of rows.

    Args:
        beta: weight. Default 0.1, this project's.
    """

    title = "TINED (energy)"
    year = 2025
    citation = "zhou2025tined"
    uses_hidden = True
    uses_edges = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    search_space = {"beta": LogRange(0.001, 10)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 0.1) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        of_student, of_teacher = layers_of(self, student, teacher, batch)
        edges = neighbourhood(batch)
        chosen = [of_teacher[partner(j, len(of_student), len(of_teacher))] for j in range(len(of_student))]
        wanted = batch.memo(self, "teacher", lambda: _log_energies(chosen, edges).diff())
        return {"energy": self.beta * (_log_energies(of_student, edges).diff() - wanted).square().mean()}


def _log_energies(layers: Sequence[Tensor], edges: Pattern) -> Tensor:
    """[L] logarithms of the energies of layers [n, d_l]."""
    energies = torch.stack([_energy(unit_rows(h), edges) for h in layers])
    return torch.log(energies.clamp(min=0) + TINY)


def _energy(h: Tensor, edges: Pattern) -> Tensor:
    """Mean over edges of ||h[i] - h[j]||^2, by the product of the edges with h: no difference of two ends is formed.

    Without the mean of all rows, which changes no difference: where rows are nearly the same, as under an oversmoothed
    teacher, what is left would be lost beside their lengths.
    """
    h = h - h.mean(0)
    squares = h.square().sum(1, keepdim=True)
    ends = at_rows(squares, edges).sum() + at_columns(squares, edges).sum()
    near = product(h.new_ones(len(edges.columns)), h, edges)
    return (ends - 2 * (h * near).sum()) / max(len(edges.columns), 1)
