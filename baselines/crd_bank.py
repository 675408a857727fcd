"""Contrastive representation distillation (CRD) with its memory of all rows: Tian, Krishnan and Isola, ICLR 2020."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of, sample, share, whole
from methods.spaces import LogRange
from methods.streaming import blocks, streamed_sum
from methods.vocabulary import Extra

FIRST_ANCHORS = 64
"""Rows whose scores set the constant of normalisation: the authors' batch."""


class MemoryContrast(Method):
    """beta * (c(s, M_T, Z_T) + c(t, M_S, Z_S)), noise contrastive estimation against a memory of past embeddings.

        c(a, M, Z) = mean_n [ -log h(a_n, M[id_n]) - sum_(k in K) log(1 - h(a_n, M[k])) ],
        h(a, m) = p / (p + |K|),  p = exp(a . m / tau2) / Z

    s, t are unit rows of linear maps of the last hidden states, both trained; rows are graphs in graph-level tasks,
    where node rows are averaged. M_S and M_T hold one embedding of every distilled row, at first uniform within
    +-sqrt(3 / projection); after a step the anchors' go to the direction of momentum * M[id] + (1 - momentum) * a. K
    are draws from all of these rows. Z is the mean of exp(a . m / tau2) at the first step, over positives and
    negatives. It is the published form; `crd` has the rows of the batch as negatives and no memory.

    Departures: all anchors of a step share one draw of K, in place of one draw each, so that scores are a product of
    matrices; there are at most as many draws as rows.

    Args:
        beta: weight. Default 0.8 (Tian et al.).
        tau2: temperature > 0. Default 0.07 (the same).
        momentum: of the memory, in [0, 1]. Default 0.5 (the same).
        negatives: |K|. Default 16384 (the same).
        projection: columns of both maps. Default 128 (the same).
        max_samples: anchors drawn at each step where the batch has more. Default 1024; the authors' batch has 64, and
            an epoch of theirs hundreds of batches.
        block: anchors of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "CRD (memory)"
    year = 2020
    citation = "tian2020contrastive"
    uses_hidden = True
    uses_ids = True
    depends_on_rows = True
    depends_on_order = True
    search_space = {"beta": LogRange(0.01, 10), "tau2": (0.05, 0.07, 0.1)}

    members: Tensor
    of_student: Tensor
    of_teacher: Tensor
    log_scale: Tensor

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 0.8,
        tau2: float = 0.07,
        momentum: float = 0.5,
        negatives: int = 16384,
        projection: int = 128,
        max_samples: int = 1024,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        at_least(self, 0, above=True, tau2=tau2)
        share(self, momentum=momentum)
        whole(self, negatives=negatives, projection=projection, max_samples=max_samples, block=block)
        self.beta, self.tau2, self.momentum, self.negatives = beta, tau2, momentum, negatives
        self.projection, self.max_samples, self.block = projection, max_samples, block
        self.student_head = nn.Linear(student.hidden[-1], projection)
        self.teacher_head = nn.Linear(teacher.hidden[-1], projection)

    def begin(self, ids: Tensor, extras: Mapping[Extra, Tensor]) -> None:
        units, reach = int(ids.max()) + 1 if len(ids) else 0, math.sqrt(3 / self.projection)
        self.register_buffer("members", ids)
        for name in ("of_student", "of_teacher"):
            self.register_buffer(name, torch.empty(units, self.projection).uniform_(-reach, reach))
        self.register_buffer("log_scale", torch.full((2,), torch.nan))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = (batch.pool(h) for h in last_of(self, student, teacher, batch))
        ids, chosen = batch.ids, sample(batch, len(h_student), self.max_samples)
        if chosen is not None:
            h_student, h_teacher, ids = (x.index_select(0, chosen) for x in (h_student, h_teacher, ids))
        sides = unit_rows(self.student_head(h_student)), unit_rows(self.teacher_head(h_teacher))
        count = min(self.negatives, len(self.members))
        draws = torch.rand(count, generator=batch.generator, device=batch.generator.device)
        drawn = self.members.index_select(0, (draws * len(self.members)).long().clamp(max=len(self.members) - 1))
        memories = self.of_teacher, self.of_student
        total = h_student.new_zeros(())
        for side, (anchors, memory) in enumerate(zip(sides, memories, strict=True)):
            own, others = memory.index_select(0, ids), memory.index_select(0, drawn)
            total = total + self._contrast(side, anchors / self.tau2, own, others)
        for memory, anchors in zip(memories[::-1], sides, strict=True):
            moved = self.momentum * memory.index_select(0, ids) + (1 - self.momentum) * anchors.detach()
            memory.index_copy_(0, ids, unit_rows(moved))
        return {"crd": total * (self.beta / max(len(ids), 1))}

    def _contrast(self, side: int, anchors: Tensor, own: Tensor, others: Tensor) -> Tensor:
        """Sum over anchors [n, d], over tau2 already, with the memory's own rows [n, d] and other rows [K, d]."""
        with torch.no_grad():
            first, count = anchors[:FIRST_ANCHORS], len(others) + 1
            scores = torch.cat([(first * own[:FIRST_ANCHORS]).sum(1, keepdim=True), first @ others.T], 1)
            found = scores.flatten().logsumexp(0) - math.log(max(len(first), 1) * count)
            unset = self.log_scale[side].isnan()
            self.log_scale[side] = torch.where(unset, found, self.log_scale[side])
        scale = (self.log_scale[side] + math.log(max(len(others), 1))).expand(len(anchors), 1)
        slices = blocks(len(anchors), len(others), anchors.device, self.block)
        return streamed_sum(_estimation, slices, [anchors, own, scale], [others])


def _estimation(rows: slice, anchors: Tensor, own: Tensor, scale: Tensor, others: Tensor) -> Tensor:
    """-log h of a block's right pairs and -log(1 - h) of all others; log(p / |K|) is a score less `scale` [b, 1]."""
    right = (anchors * own).sum(1, keepdim=True) - scale
    return softplus(-right).sum() + softplus(anchors @ others.T - scale).sum()
