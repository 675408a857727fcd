"""What methods are tried on: batches and signals by hand, and a small task of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from methods.contract import UNLABELED, Batch, Shape, Signals
from methods.vocabulary import Kind, Objective

EPOCH, EPOCHS = 75, 100
"""When a method is tried: warm-ups are over and what fades has not gone."""


def make_batch(
    labels: Any,
    edge_index: Any = None,
    objective: Objective = Objective.MULTICLASS,
    graph: Any = None,
    seed: int = 0,
) -> Batch:
    """A Batch from lists, arrays or tensors.

    Args:
        labels: [n] classes, or [n or g, targets] values (NaN where unmeasured) for the other objectives.
        edge_index: [2, E], row 0 the source j and row 1 the target i of every edge j -> i; None for no edges.
        objective: how logits are read.
        graph: [n] graph of every node, in graph-level tasks.
        seed: of the batch's generator.
    """
    dtype = torch.int64 if objective == Objective.MULTICLASS else torch.get_default_dtype()
    edges = torch.empty(2, 0, dtype=torch.int64) if edge_index is None else _tensor(edge_index, torch.int64)
    batch = Batch(
        labels=_tensor(labels, dtype),
        edge_index=edges,
        generator=torch.Generator().manual_seed(seed),
        objective=objective,
        graph=None if graph is None else _tensor(graph, torch.int64),
    )
    batch.find_ids, batch.find_row_ids = (lambda: torch.arange(len(batch.labels))), (lambda: torch.arange(batch.rows))
    return batch


def _tensor(values: Any, dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(np.asarray(values) if not isinstance(values, Tensor) else values).to(dtype)


def make_signals(
    n: int,
    shape: Shape,
    seed: int = 0,
    requires_grad: bool = False,
    *,
    graphs: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Signals:
    """Random signals: standard normal logits [n or graphs, out] and hidden layers [n, d_l]."""
    generator = torch.Generator().manual_seed(seed)

    def draw(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator, dtype=dtype).requires_grad_(requires_grad)

    hidden = tuple(draw(n, columns) for columns in shape.hidden)
    return Signals(draw(n if graphs is None else graphs, shape.out), hidden)


@dataclass(frozen=True)
class Case:
    """A task small enough to look at: what a method is called with.

    Attributes:
        labels, edge_index, graph, own, row_ids: as in `Batch`; rows are numbered through where they have no ids.
    """

    kind: Kind
    objective: Objective
    labels: Tensor
    edge_index: Tensor
    graph: Tensor | None
    row_ids: Tensor | None = None
    own: int | None = None

    @property
    def num_edges(self) -> int:
        return self.edge_index.shape[1]

    @property
    def rows(self) -> int:
        return len(self.labels) if self.graph is None else len(self.graph)

    def batch(self, seed: int = 0) -> Batch:
        batch = make_batch(self.labels, self.edge_index, self.objective, self.graph, seed)
        batch.epoch, batch.epochs, batch.own = EPOCH, EPOCHS, self.own
        if (ids := self.row_ids) is not None:
            batch.find_row_ids = lambda: ids
            batch.find_ids = batch.find_row_ids if self.graph is None else batch.find_ids
        return batch

    def signals(self, shape: Shape, seed: int) -> Signals:
        graphs = None if self.graph is None else len(self.labels)
        return make_signals(self.rows, shape, seed, True, graphs=graphs, dtype=torch.float64)

    def permuted(self, order: Tensor) -> Case:
        """Row k of the result is row order[k]; graphs keep their numbers."""
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order))
        if self.graph is None:
            return Case(self.kind, self.objective, self.labels[order], place[self.edge_index], None, order)
        return Case(self.kind, self.objective, self.labels, place[self.edge_index], self.graph[order], order)

    def doubled(self) -> Case:
        labels = torch.cat([self.labels, self.labels])
        edges = torch.cat([self.edge_index, self.edge_index + self.rows], 1)
        graph = None if self.graph is None else torch.cat([self.graph, self.graph + len(self.labels)])
        return Case(self.kind, self.objective, labels, edges, graph)

    def surrounded(self) -> Case:
        """Every row of a task of nodes once more, drawn as a neighbour that no edge leads from."""
        labels = torch.cat([self.labels, self.labels])
        return Case(self.kind, self.objective, labels, self.edge_index, None, own=self.rows)


def cases(classes: int, rows: int = 24) -> Iterator[Case]:
    """A small task of every kind and objective."""
    generator = torch.Generator().manual_seed(7)
    source, target = torch.randint(rows, (2, 4 * rows), generator=generator)
    labels = torch.randint(classes, (rows,), generator=generator)
    labels[::5] = UNLABELED
    graph = torch.arange(rows) // 4
    inside = graph[source] == graph[target]
    values = torch.randn(rows // 4, classes, generator=generator, dtype=torch.float64)
    measured = torch.where(values > 1, torch.nan, values)
    ring = torch.stack([torch.arange(rows), graph * 4 + (torch.arange(rows) + 1) % 4])
    edges = torch.cat([torch.stack([source, target])[:, inside], ring], 1)
    numbers = torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    numbers[::5], numbers[1, 0] = torch.nan, torch.nan
    for objective, of_nodes in (
        (Objective.MULTICLASS, labels),
        (Objective.BINARY, _signs(numbers)),
        (Objective.REGRESSION, numbers),
    ):
        for kind in (Kind.NODE, Kind.HETEROGENEOUS):
            yield Case(kind, objective, of_nodes, torch.stack([source, target]), None)
    yield Case(Kind.GRAPH, Objective.BINARY, _signs(measured), edges, graph)
    yield Case(Kind.GRAPH, Objective.REGRESSION, measured, edges, graph)
    yield Case(Kind.GRAPH, Objective.MULTICLASS, labels[: rows // 4], edges, graph)


def _signs(values: Tensor) -> Tensor:
    """1 where a value is positive, 0 where it is not, NaN where it is NaN."""
    return torch.where(values.isnan(), values, (values > 0).double())


def rows_of(signals: Signals, rows: Tensor, case: Case, copies: int = 1) -> Signals:
    """Signals of the given node rows; logits of graph-level tasks keep their order, repeated `copies` times."""
    hidden = tuple(h.detach()[rows] for h in signals.hidden)
    logits = signals.logits.detach()
    return Signals(logits[rows] if case.graph is None else logits.repeat(copies, 1), hidden)
