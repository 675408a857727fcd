"""Many small graphs with categorical columns: the whole collection of a task, and a mini-batch cut out of it.

Molecules repeat few kinds of atoms and bonds (some hundred and at most sixty), so that every distinct row of the
categorical columns is stored, and encoded, once; nodes and edges name it by a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from methods.segments import at_columns, at_rows
from methods.sparse import Pattern, pointers_of, rows_of
from workflow.moving import moved_together


@dataclass(frozen=True)
class Categories:
    """Categorical columns x [N, k] of nodes or edges, as x = rows[code].

    Attributes:
        rows: [U, k] int64, the distinct rows.
        code: [N], index of every node's or edge's row.
    """

    rows: Tensor
    code: Tensor

    def spread(self, x: Tensor) -> Tensor:
        """[U, d] of the distinct rows -> [N, d]: that of every node's or edge's row."""
        return at_columns(x, self._pattern)

    @cached_property
    def _pattern(self) -> Pattern:
        """[N, U], an entry in each row: by what a GPU goes back from all bonds of a kind without a queue for each."""
        return Pattern(torch.arange(len(self.code) + 1, device=self.code.device), self.code, len(self.rows))

    @staticmethod
    def of(columns: np.ndarray) -> Categories:
        """From [N, k] integers."""
        code = np.zeros(len(columns), dtype=np.int64)
        first = np.zeros(min(1, len(columns)), dtype=np.int64)
        for column in np.asarray(columns).T:
            # Renumbered after every column, so that no number of columns overflows.
            mixed = code * (int(column.max(initial=0)) + 1) + column
            _, first, code = np.unique(mixed, return_index=True, return_inverse=True)
        smallest = np.int16 if len(first) < 2**15 else np.int32
        rows = np.asarray(columns[first], dtype=np.int64)
        return Categories(torch.from_numpy(rows), torch.from_numpy(code.reshape(-1).astype(smallest)))

    def at(self, index: Tensor | slice) -> Categories:
        """Those of some nodes or edges, with int64 codes; never with more rows than there are of these."""
        code = self.code[index].long()
        if len(self.rows) <= len(code):
            return Categories(self.rows, code)
        used, code = code.unique(return_inverse=True)
        return Categories(self.rows[used], code)


@dataclass(frozen=True)
class Molecules:
    """A mini-batch of graphs, what a network of a graph-level task is called with; N nodes, E edges, G graphs.

    Attributes:
        atoms, bonds: categorical columns of nodes and edges.
        edges: int64; row i holds the sources j of the edges j -> i of node i.
        graph: [N] int64, ascending.
        begins: [G + 1] int64, where the nodes of every graph begin, and where the last ones end.
        log_degree: mean of log(in-degree + 1) over the nodes of the training graphs, a constant of the dataset
            (the delta of PNA).
    """

    atoms: Categories
    bonds: Categories
    edges: Pattern
    graph: Tensor
    begins: Tensor
    log_degree: float

    @property
    def nodes(self) -> int:
        return len(self.graph)

    @property
    def graphs(self) -> int:
        """G."""
        return len(self.begins) - 1

    @property
    def sources(self) -> Tensor:
        """[E] int64, j of every edge j -> i."""
        return self.edges.columns

    @property
    def targets(self) -> Tensor:
        """[E] int64, i of every edge j -> i, ascending."""
        return self.edges.rows

    @cached_property
    def degree(self) -> Tensor:
        """[N] int64 in-degrees."""
        return self.edges.counts

    @cached_property
    def sizes(self) -> Tensor:
        """[G] int64 nodes of every graph."""
        return self.begins.diff()

    @property
    def edge_index(self) -> Tensor:
        """[2, E] int64, sources and targets."""
        return torch.stack([self.sources, self.targets])

    def at_sources(self, x: Tensor) -> Tensor:
        """[N, d] -> [E, d]: the row of j of every edge j -> i."""
        return at_columns(x, self.edges)

    def at_targets(self, x: Tensor) -> Tensor:
        """[N, d] -> [E, d]: the row of i of every edge j -> i."""
        return at_rows(x, self.edges)

    def at_nodes(self, x: Tensor) -> Tensor:
        """[G, d] -> [N, d]: the row of every node's graph."""
        return at_rows(x, self._members)

    @cached_property
    def _members(self) -> Pattern:
        """[G, N]: row g holds the nodes of graph g."""
        return Pattern(self.begins, torch.arange(self.nodes, device=self.graph.device), self.nodes)

    def to(self, device: torch.device) -> Molecules:
        if device == self.graph.device:
            return self
        atoms, bonds, edges = self.atoms, self.bonds, self.edges
        parts = [atoms.rows, atoms.code, bonds.rows, bonds.code, edges.pointers, edges.columns, self.graph, self.begins]
        there = iter(moved_together(parts, device))
        atoms, bonds = Categories(next(there), next(there)), Categories(next(there), next(there))
        edges = Pattern(next(there), next(there), self.nodes)
        return Molecules(atoms, bonds, edges, next(there), next(there), self.log_degree)


class Collection:
    """All graphs of a task in the memory of the host, edges sorted by target once; batches are gathered from it.

    Args:
        arrays: those of a Task of kind `graph` (see workflow/task.py).
        train: ids of the training graphs.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], train: np.ndarray) -> None:
        source, target = np.asarray(arrays["edge_index"])
        order = np.lexsort((source, target))
        self.atoms = Categories.of(arrays["features"])
        self.bonds = Categories.of(np.asarray(arrays["edge_features"])[order])
        self.node_pointers = torch.from_numpy(np.array(arrays["node_pointers"], dtype=np.int64))
        self.edge_pointers = torch.from_numpy(np.array(arrays["edge_pointers"], dtype=np.int64))
        self.sources = torch.from_numpy(source[order].astype(np.int32))
        self.degree = torch.from_numpy(np.bincount(target, minlength=self.nodes).astype(np.int32))
        rows = self.rows(torch.from_numpy(np.array(train, dtype=np.int64)))
        # 1 where no training node has an edge, so that nothing is divided by 0.
        self.log_degree = float(torch.log1p(self.degree[rows].double()).mean()) or 1.0

    def __len__(self) -> int:
        return len(self.node_pointers) - 1

    @property
    def nodes(self) -> int:
        return int(self.node_pointers[-1])

    def rows(self, ids: Tensor) -> Tensor:
        """[n] int64 rows, in the task's order of nodes, of the nodes of these graphs, graph after graph."""
        return _ranges(self.node_pointers, ids)

    def batch(self, ids: Tensor) -> Molecules:
        """The graphs of these ids ([g] int64), in this order."""
        return self._cut(ids, self.rows(ids), _ranges(self.edge_pointers, ids))

    def span(self, first: int, last: int) -> Molecules:
        """The graphs `first` to `last - 1`: as `batch`, by slices."""
        return self._cut(torch.arange(first, last), self.span_rows(first, last), _span(self.edge_pointers, first, last))

    def span_rows(self, first: int, last: int) -> slice:
        return _span(self.node_pointers, first, last)

    def _cut(self, ids: Tensor, nodes: Tensor | slice, edges: Tensor | slice) -> Molecules:
        begins = pointers_of(self.node_pointers[ids + 1] - self.node_pointers[ids])
        graph = rows_of(begins)
        moved = self.node_pointers[ids] - begins[:-1]
        pointers = pointers_of(self.degree[nodes])
        sources = self.sources[edges].long()
        sources -= moved[graph[rows_of(pointers, len(sources))]]
        pattern = Pattern(pointers, sources, len(graph))
        return Molecules(self.atoms.at(nodes), self.bonds.at(edges), pattern, graph, begins, self.log_degree)


def _ranges(pointers: Tensor, ids: Tensor) -> Tensor:
    """The concatenation of pointers[i] .. pointers[i + 1] - 1 over the ids."""
    begins = pointers_of(pointers[ids + 1] - pointers[ids])
    moved = (pointers[ids] - begins[:-1])[rows_of(begins)]
    return moved + torch.arange(len(moved))


def _span(pointers: Tensor, first: int, last: int) -> slice:
    return slice(int(pointers[first]), int(pointers[last]))
