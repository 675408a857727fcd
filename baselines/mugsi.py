"""MuGSI, multi-granularity distillation of graphs: Yao, Sun, Cao, Zhang and Chen, WWW 2024; without soft targets."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from baselines.mugsi_pool import PooledEmbeddings
from methods.contract import Batch, Shape, Signals
from methods.kernels import unit_rows
from methods.pairing import at_least, last_of, whole
from methods.spaces import LogRange
from methods.vocabulary import Extra

FEWEST = 3
"""Clusters of a graph that their cosines tell something of, as in the authors' code."""


class Granularities(PooledEmbeddings):
    """The pooled embeddings of `mugsi-pool`, and beside these of every graph g the clusters and the random walks.

    - clusters: cluster * mean_g ||C_S - C_T||^2 / 2, with C the cosines of all pairs of a graph's clusters, whose
      embeddings are sums over their nodes. Clusters are Louvain's; a graph of fewer than 3 has no part in the sum.
    - walks: walk * mean_g mean over `paths` uniform random walks v_0 .. v_length of
      KL(softmax_k(h_T[v_0] . h_T[v_k]) || softmax_k(h_S[v_0] . h_S[v_k])), k = 1 .. length. A walk stays where there is
      no edge.

    h are last hidden states. `kd+mugsi` adds their soft targets.

    Departures: a walk's first node is drawn uniformly among the graph's, and graphs without an edge are walked too.

    Args:
        beta: weight of the pooled embeddings, as in `mugsi-pool`.
        cluster: weight. Default 0.1 (their code).
        walk: weight. Default 0.1 (the same).
        paths: walks of a graph at a step. Default 20 (the same).
        length: steps of a walk. Default 8 (the same).
    """

    title = "MuGSI"
    uses_ids = True
    uses_edges = True
    depends_on_order = True
    depends_on_rows = True
    teacher_extras = (Extra.CLUSTERS,)
    search_space = {**PooledEmbeddings.search_space, "cluster": LogRange(0.01, 10), "walk": LogRange(0.01, 10)}

    clusters: Tensor

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float = 1.0,
        cluster: float = 0.1,
        walk: float = 0.1,
        paths: int = 20,
        length: int = 8,
    ) -> None:
        super().__init__(teacher, student, beta=beta)
        at_least(self, 0, cluster=cluster, walk=walk)
        whole(self, paths=paths, length=length)
        self.cluster, self.walk, self.paths, self.length = cluster, walk, paths, length

    def begin(self, ids: Tensor, extras: Mapping[Extra, Tensor]) -> None:
        self.register_buffer("clusters", extras[Extra.CLUSTERS])
        self.most = int(self.clusters.max()) + 1 if len(self.clusters) else 1

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        sides = last_of(self, student, teacher, batch)
        terms = super().forward(student, teacher, batch)
        assert batch.graph is not None
        terms["clusters"] = self.cluster / 2 * self._clusters(*sides, batch, batch.graph)
        terms["walks"] = self.walk * self._walks(*sides, batch, batch.graph)
        return terms

    def _clusters(self, h_student: Tensor, h_teacher: Tensor, batch: Batch, graph: Tensor) -> Tensor:
        """Mean over graphs of the squared differences of their clusters' cosines."""
        graphs = len(batch.labels)
        place = graph * self.most + self.clusters.index_select(0, batch.row_ids)
        filled = h_teacher.new_zeros(graphs * self.most).index_fill(0, place, 1).view(graphs, self.most)
        cosines = []
        for h in (h_student, h_teacher):
            sums = unit_rows(h.new_zeros(graphs * self.most, h.shape[1]).index_add(0, place, h))
            each = sums.view(graphs, self.most, -1)
            cosines.append(each @ each.transpose(1, 2))
        errors = (cosines[0] - cosines[1]).square().sum((1, 2))
        return (errors * (filled.sum(1) >= FEWEST)).sum() / max(graphs, 1)

    def _walks(self, h_student: Tensor, h_teacher: Tensor, batch: Batch, graph: Tensor) -> Tensor:
        """Mean divergence over all walks of all graphs."""
        first, *later = self._paths(batch, graph)
        of_student, of_teacher = (
            torch.stack([(h.index_select(0, first) * h.index_select(0, v)).sum(1) for v in later], 1)
            for h in (h_student, h_teacher)
        )
        found, wanted = (functional.log_softmax(x, 1) for x in (of_student, of_teacher))
        return functional.kl_div(found, wanted, reduction="batchmean", log_target=True)

    def _paths(self, batch: Batch, graph: Tensor) -> list[Tensor]:
        """Nodes [g * paths] of all walks after 0, 1, .. `length` steps."""
        graphs, generator = len(batch.labels), batch.generator
        draws = torch.rand(self.length + 1, graphs * self.paths, generator=generator, device=generator.device)
        sizes = torch.zeros(graphs, dtype=torch.int64, device=graph.device).index_add(0, graph, torch.ones_like(graph))
        order, begins = torch.argsort(graph, stable=True), sizes.cumsum(0) - sizes
        of_walk = torch.arange(graphs, device=graph.device).repeat_interleave(self.paths)
        steps = [order[_place(draws[0], begins[of_walk], sizes[of_walk], len(graph))]]
        pointers, sources = batch.neighbours
        for draw in draws[1:]:
            here = steps[-1]
            degree = pointers[here + 1] - pointers[here]
            if not len(sources):
                steps.append(here)
                continue
            there = sources[_place(draw, pointers[here], degree, len(sources))]
            steps.append(torch.where(degree > 0, there, here))
        return steps


def _place(draws: Tensor, begins: Tensor, sizes: Tensor, total: int) -> Tensor:
    """Places drawn uniformly from [begins, begins + sizes), by draws in [0, 1)."""
    inside = torch.minimum((draws * sizes).long(), (sizes - 1).clamp(min=0))
    return (begins + inside).clamp(max=max(total - 1, 0))
