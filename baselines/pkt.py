"""Probabilistic knowledge transfer: Passalis and Tefas, ECCV 2018."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of, sample, whole
from methods.streaming import blocks, streamed_sum

SMALLEST = 1e-7
"""Affinities are kept above this, as in the authors' code, so that their logarithm exists."""


class ProbabilisticTransfer(Method):
    """beta * mean_i KL(p_T[i] || p_S[i]), with p[i, j] = K_ij / sum_k K_ik and K_ij = (cos(h_i, h_j) + 1) / 2.

    A node's affinity to itself is part of its row, as in the authors' code. That code averages over all m^2 pairs; here
    the sum over j is a KL divergence and only rows are averaged, so that its weight w at batch size b is w / b. The
    m x m matrices are walked by blocks of rows. No heads.

    Args:
        beta: weight. Default 100, this project's.
        max_samples: nodes drawn at each step where the batch has more. Default 4096.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "PKT"
    year = 2018
    citation = "passalis2018learning"
    uses_hidden = True

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 100.0,
        max_samples: int = 4096,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        whole(self, max_samples=max_samples, block=block)
        self.beta, self.max_samples, self.block = beta, max_samples, block

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h, target = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h), self.max_samples)
        if chosen is not None:
            h, target = h.index_select(0, chosen), target.index_select(0, chosen)
        a, b, m = unit_rows(h), unit_rows(target), len(h)
        total = streamed_sum(_divergence, blocks(m, m, h.device, self.block), [a, b], [a, b])
        return {"pkt": total * (self.beta / max(m, 1))}


def _divergence(rows: slice, a_rows: Tensor, b_rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    log_q, log_p = _log_affinity(a_rows, a), _log_affinity(b_rows, b)
    return (log_p.exp() * (log_p - log_q)).sum()


def _log_affinity(rows: Tensor, whole: Tensor) -> Tensor:
    affinity = ((rows @ whole.T + 1) / 2).clamp(min=SMALLEST)
    return torch.log(affinity / affinity.sum(1, keepdim=True))
