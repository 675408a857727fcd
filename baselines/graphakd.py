"""GraphAKD, adversarial distillation with all three discriminators: He, Wang, Zhang and Wu, KDD 2022; by reversal."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from baselines.graphakd_logits import AdversarialLogits
from baselines.parts.neighbours import neighbourhood, sum_over_edges
from methods.contract import Batch, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of
from methods.reversal import reversed_gradient
from methods.spaces import LogRange


class AdversarialEmbeddings(AdversarialLogits):
    """graphakd-logits, and two discriminators of the last hidden states; what they lower, the student raises.

    - local, of edges: D(i, j) = a * e_i' diag(c) e_j, with e the rows at length one. mean over edges of
      -log sigmoid(D) of the teacher's ends and -log(1 - sigmoid(D)) of the student's.
    - global, of a node and a graph: G(i, g) = a * e_i' diag(c) g, with g = sigmoid(the mean of a graph's rows). The
      same two terms for the teacher's nodes and the student's beside the teacher's g. Beside the student's g sides are
      changed, and there is no game: as in the authors' code, the student lowers what the discriminator lowers.

    The student's rows are W h_S, by a map of its own side, where the widths differ; else h_S. At first a = 0.5, c = 1.

    Departures: as in graphakd-logits, reversal of the gradient takes the place of a second optimizer with its own
    schedule; and the map W, where He et al. have networks of one width.

    Args:
        beta, l1: as in graphakd-logits.
        embedding: weight of both games of embeddings. Default 1 (He et al.).
    """

    title = "GraphAKD (reversal)"
    uses_hidden = True
    uses_edges = True
    search_space = {**AdversarialLogits.search_space, "embedding": LogRange(0.01, 10)}

    def __init__(
        self, teacher: Shape, student: Shape, *, beta: float = 1.0, l1: float = 1.0, embedding: float = 1.0
    ) -> None:
        super().__init__(teacher, student, beta=beta, l1=l1)
        at_least(self, 0, embedding=embedding)
        self.embedding = embedding
        own, wide = student.hidden[-1], teacher.hidden[-1]
        self.map = nn.Identity() if own == wide else nn.Linear(own, wide)
        self.local_columns, self.global_columns = (nn.Parameter(torch.ones(wide)) for _ in range(2))
        self.local_scale, self.global_scale = (nn.Parameter(torch.full((), 0.5)) for _ in range(2))

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        terms = super().forward(student, teacher, batch)
        own = self.map(h_student)
        fake = reversed_gradient(own)
        terms["local"] = self.embedding * (self._of_edges(h_teacher, 1, batch) + self._of_edges(fake, -1, batch))
        of_teacher, of_student = (torch.sigmoid(_means(h, batch)) for h in (h_teacher, own))
        terms["global"] = self.embedding * self._told_apart(h_teacher, fake, of_teacher)
        terms["global_own"] = self.embedding * self._told_apart(own, h_teacher, of_student)
        return terms

    def _told_apart(self, right: Tensor, wrong: Tensor, graph: Tensor) -> Tensor:
        """What telling nodes [n, d] that belong to a graph's row from others costs, in the mean over each."""
        return softplus(-self._of_graphs(right, graph)).mean() + softplus(self._of_graphs(wrong, graph)).mean()

    def _of_edges(self, h: Tensor, sign: int, batch: Batch) -> Tensor:
        """Mean over edges of softplus(-sign * D)."""
        edges, e = neighbourhood(batch), unit_rows(h)
        weighed = e * (-sign * self.local_scale * self.local_columns)
        return sum_over_edges(_doubt, edges, [weighed, e]) / max(len(edges.columns), 1)

    def _of_graphs(self, h: Tensor, graph: Tensor) -> Tensor:
        """[n] G of every node and its graph's [n, d] or [1, d] row."""
        return self.global_scale * (unit_rows(h) * self.global_columns * graph).sum(1)


def _means(h: Tensor, batch: Batch) -> Tensor:
    """Means of the rows [n, d] of all graphs, [n, d] at every node; of the one graph of a node task, [1, d]."""
    return h.mean(0, keepdim=True) if batch.graph is None else batch.pool(h).index_select(0, batch.graph)


def _doubt(rows: slice, ones: Tensor, i: Tensor, j: Tensor, weighed: Tensor, e: Tensor) -> Tensor:
    """Sum of softplus over a block of edges j -> i."""
    return softplus((weighed.index_select(0, i) * e.index_select(0, j)).sum(1)).sum()
