"""The graph-level term of MuGSI, multi-granularity distillation: Yao, Sun, Cao, Zhang and Chen, WWW 2024."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of
from methods.spaces import LogRange
from methods.vocabulary import Kind


class PooledEmbeddings(Method):
    """beta * mean_g || u(W pool(h_S)[g]) - u(pool(h_T)[g]) ||^2, u to length one.

    pool is the mean over a graph's nodes. The coarsest of the three granularities of MuGSI: embeddings of whole graphs.
    `mugsi` has their matches of clusters and of random walks, too. `kd+mugsi-pool` adds their soft targets. They
    pool by a sum or attention, and take the mean over columns of unit vectors: their weight of 0.01 is 0.01 / d here.

    Args:
        beta: weight. Default 1, this project's.
    """

    title = "MuGSI (pool)"
    year = 2024
    citation = "yao2024mugsi"
    uses_hidden = True
    kinds = frozenset({Kind.GRAPH})
    search_space = {"beta": LogRange(0.01, 100)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1.0) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        self.beta = beta
        self.head = nn.Linear(student.hidden[-1], teacher.hidden[-1])

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        of_teacher = batch.memo(self, "teacher", lambda: unit_rows(batch.pool(h_teacher)))
        of_student = unit_rows(self.head(batch.pool(h_student)))
        return {"pool": self.beta * torch.mean((of_student - of_teacher).square().sum(1))}
