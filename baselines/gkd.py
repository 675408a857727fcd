"""Geometric knowledge distillation (GKD): Yang, Wu and Yan, NeurIPS 2022."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from baselines.parts.neighbours import neighbourhood, sum_over_edges
from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import pairwise
from methods.pairing import at_least, last_of, one_of, sample, whole
from methods.spaces import LogRange
from methods.streaming import blocks, streamed_sum
from methods.vocabulary import Kind

SMALLEST = 1e-10
"""Added to a column's variance, as by the authors."""


class Geometric(Method):
    """beta * ( mean over edges of (K_S - K_T)^2 + delta * mean over all pairs of sampled nodes of (K_S - K_T)^2 ).

    K is a kernel of the last hidden states of two nodes, whose columns are standardised over the nodes (the authors'
    batch norm without parameters), in the non-parametric forms of Yang et al. 2022:

    - tanh: K(a, b) = tanh(a . b), their default (called sigmoid there).
    - gaussian: K(a, b) = exp(-||a - b||^2 / (t d)), d the network's own width; theirs is exp(-||a - b|| / t).

    Theirs are states before the activation, which a method does not see here. The authors add (K_S - K_T)^2 up over all
    pairs, with weight 1 on edges and delta on the others, so that a node's n other pairs weigh delta n / degree times
    its edges and the published weight depends on the size of the graph. Both sums are means here. They do this at every
    layer of two networks of one depth; here it is the last hidden layer.

    Args:
        beta: weight. Default 1, this project's.
        delta: weight of all pairs. Default 0.1 (Yang et al.).
        kernel: tanh | gaussian.
        width: t > 0 of the Gaussian kernel. Default 1.
        max_samples: nodes drawn at each step for all pairs where the batch has more. Default 2048.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "GKD"
    year = 2022
    citation = "yang2022geometric"
    uses_hidden = True
    uses_edges = True
    kinds = frozenset({Kind.NODE, Kind.HETEROGENEOUS})
    search_space = {"beta": LogRange(0.01, 100), "kernel": ("tanh", "gaussian")}

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 1.0,
        delta: float = 0.1,
        kernel: str = "tanh",
        width: float = 1.0,
        max_samples: int = 2048,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta, delta=delta)
        at_least(self, 0, above=True, width=width)
        one_of(self, "kernel", kernel, ("tanh", "gaussian"))
        whole(self, max_samples=max_samples, block=block)
        self.beta, self.delta, self.kernel, self.width = beta, delta, kernel, width
        self.max_samples, self.block = max_samples, block

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        edges = neighbourhood(batch)
        of_student, of_teacher = self._prepared(h_student), batch.memo(self, "rows", lambda: self._prepared(h_teacher))
        near = sum_over_edges(self._edge_errors, edges, [of_student, of_teacher]) / max(len(edges.columns), 1)

        chosen = sample(batch, len(h_student), self.max_samples)
        if chosen is not None:
            of_student, of_teacher = of_student.index_select(0, chosen), of_teacher.index_select(0, chosen)
        both, rows = [of_student, of_teacher], len(of_student)
        total = streamed_sum(self._pair_errors, blocks(rows, rows, of_student.device, self.block), both, both)
        return {"edges": self.beta * near, "pairs": self.beta * self.delta * total / max(rows, 1) ** 2}

    def _prepared(self, h: Tensor) -> Tensor:
        """Rows of which the kernel is tanh(a . b) or exp(-||a - b||^2 / 2)."""
        variance, mean = torch.var_mean(h, 0, correction=0)
        standardised = (h - mean) * torch.rsqrt(variance + SMALLEST)
        return standardised if self.kernel == "tanh" else standardised * math.sqrt(2 / (self.width * h.shape[1]))

    def _edge_errors(self, rows: slice, ones: Tensor, i: Tensor, j: Tensor, student: Tensor, teacher: Tensor) -> Tensor:
        of_student, of_teacher = (self._at_ends(h.index_select(0, i), h.index_select(0, j)) for h in (student, teacher))
        return (of_student - of_teacher).square().sum()

    def _at_ends(self, a: Tensor, b: Tensor) -> Tensor:
        """[b] K of two rows each."""
        return torch.tanh((a * b).sum(1)) if self.kernel == "tanh" else torch.exp((a - b).square().sum(1) / -2)

    def _pair_errors(
        self, rows: slice, student_rows: Tensor, teacher_rows: Tensor, student: Tensor, teacher: Tensor
    ) -> Tensor:
        """Squared errors of all pairs of a block's rows with all rows."""
        of_student, of_teacher = self._of_pairs(student_rows, student), self._of_pairs(teacher_rows, teacher)
        return (of_student - of_teacher).square().sum()

    def _of_pairs(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.tanh(a @ b.T) if self.kernel == "tanh" else pairwise(a, b, "rbf")
