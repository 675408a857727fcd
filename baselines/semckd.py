"""Cross-layer distillation with semantic calibration (SemCKD): Chen et al., AAAI 2021."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, layers_of, sample, whole
from methods.spaces import LogRange
from methods.streaming import blocks, streamed_sum


class SemanticCalibration(Method):
    """beta * mean_n mean_j sum_i A_nji ||T_i[n] - R_ji(S_j[n])||^2 / d_i over all pairs of hidden layers.

    i is a layer of the teacher, j one of the student. Every row n spreads each of its student layers over the teacher's
    layers, by a softmax over i of q_nj . k_ni with unit queries and keys. R_ji is a trained regressor of every pair of
    layers into the raw teacher layer. Rows are graphs in graph-level tasks, where node rows are averaged.

    Departures. Queries and keys come from the row's own unit features, by a hidden layer of twice their width; those
    of Chen et al. come from the row's inner products with all rows of a mini-batch of fixed size, which no trained
    matrix can take where the number of rows changes. R_ji is linear, theirs has three convolutions. A teacher of one
    hidden layer leaves nothing to attend to.

    Args:
        beta: weight. Default 400 (Chen et al. on CIFAR-100, beside CE and kd of weight 1 and temperature 4).
        dim: of queries and keys. Default 16, a quarter of the authors' batch, as there.
        max_samples: rows drawn at each step where the batch has more. Default 512, this project's; the authors'
            batches have 64.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "SemCKD"
    year = 2021
    citation = "chen2021cross"
    uses_hidden = True
    search_space = {"beta": LogRange(0.4, 4e3)}

    membership: Tensor
    """[sum of d_j + 1, L_s], a one where a column of the student, or the bias behind it, belongs to a layer."""

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 400.0,
        dim: int = 16,
        max_samples: int = 512,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        whole(self, dim=dim, max_samples=max_samples, block=block)
        self.beta, self.max_samples, self.block = beta, max_samples, block
        several = len(teacher.hidden) > 1
        self.query = _embeddings(student.hidden, dim) if several else None
        self.key = _embeddings(teacher.hidden, dim) if several else None
        self.regressors = nn.ModuleList(nn.Linear(width, sum(teacher.hidden)) for width in student.hidden)
        self.widths = list(teacher.hidden)
        # The bias is the weight of one more column, of ones.
        layer = torch.repeat_interleave(torch.arange(len(student.hidden)), torch.tensor(student.hidden) + 1)
        self.register_buffer("membership", functional.one_hot(layer).float(), persistent=False)

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        all_student, all_teacher = layers_of(self, student, teacher, batch)
        of_student, of_teacher = all_student[:-1], all_teacher[:-1]
        chosen = sample(batch, len(of_student[0]), self.max_samples)
        if chosen is not None:
            of_student = tuple(h.index_select(0, chosen) for h in of_student)
            of_teacher = tuple(h.index_select(0, chosen) for h in of_teacher)
        rows, pairs = len(of_student[0]), len(of_student)
        ones = of_student[0].new_ones(rows, 1)
        columns = torch.cat([part for h in of_student for part in (h, ones)], 1)
        # Weights [sum of d_i, d_j] and biases [sum of d_i] by turns, as the columns are.
        weights = torch.cat([part.view(sum(self.widths), -1) for part in self.regressors.parameters()], 1)
        slices = blocks(rows, 4 * columns.shape[1], columns.device, self.block)
        blocked = [self._attention(of_student, of_teacher), columns, *of_teacher]
        total = streamed_sum(self._errors, slices, blocked, [weights, self.membership])
        return {"semckd": total * (self.beta / max(rows * pairs, 1))}

    def _attention(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """[n, L_s, L_t] of sum one over the teacher's layers."""
        if self.query is None or self.key is None:
            return student[0].new_ones(len(student[0]), len(student), 1)
        queries, keys = _embedded(self.query, student), _embedded(self.key, teacher)
        return torch.softmax(queries @ keys.transpose(1, 2), 2)

    def _errors(self, rows: slice, attention: Tensor, columns: Tensor, *rest: Tensor) -> Tensor:
        """Sum over a block's rows and all pairs of layers.

        ||t - R'x||^2 = ||t||^2 - 2 x'(R t) + x'(R R')x needs only the columns of a narrow student: R'x, as wide as all
        layers of the teacher together, is never formed.

        Args:
            attention: [b, L_s, L_t].
            columns: the student's layers side by side, each with a column of ones behind it [b, D].
            rest: the teacher's layers [b, d_i], all regressors [sum of d_i, D], and `membership`.
        """
        *layers, weights, membership = rest
        together = membership @ membership.T  # a one where two columns are of one layer
        total = columns.new_zeros(())
        for i, (layer, regressors) in enumerate(zip(layers, weights.split(self.widths), strict=True)):
            crossed = layer @ regressors
            square = columns @ (regressors.T @ regressors * together)
            errors = (columns * (square - 2 * crossed)) @ membership + layer.square().sum(1, keepdim=True)
            total = total + (attention[:, :, i] * errors).sum() / layer.shape[1]
        return total


def _embeddings(widths: Sequence[int], dim: int) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Sequential(nn.Linear(width, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim)) for width in widths
    )


def _embedded(embeddings: nn.ModuleList, layers: Sequence[Tensor]) -> Tensor:
    """[n, L, dim] unit queries or keys of all layers [n, d_l]."""
    return torch.stack([unit_rows(one(unit_rows(h))) for one, h in zip(embeddings, layers, strict=True)], 1)
