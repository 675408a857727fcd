"""The constant matrices that networks propagate with, from the adjacency of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from methods import gpu
from methods.sparse import Entries, Matrix, Pattern, compressed
from workflow.moving import moved_together


def with_loops(adjacency: Pattern) -> Pattern:
    """One self-loop more per node."""
    nodes = adjacency.height
    every = torch.arange(nodes, device=adjacency.columns.device)
    sources, targets = torch.cat([adjacency.columns.long(), every]), torch.cat([adjacency.rows.long(), every])
    return compressed(targets, sources, nodes, nodes)[0]


def symmetric_normalised(looped: Pattern, symmetric: bool, dtype: torch.dtype) -> Matrix:
    """D^-1/2 (A + I) D^-1/2, D the in-degree of A + I (Kipf and Welling, ICLR 2017, eq. 2).

    Args:
        looped: A + I.
        symmetric: whether it is its own transpose, which is then shared.
    """
    scale = looped.counts.to(dtype).pow(-0.5)

    def build(pattern: Pattern) -> Entries:
        return Entries(pattern, scale.index_select(0, pattern.rows) * scale.index_select(0, pattern.columns))

    forward = build(looped)
    return Matrix(forward, forward if symmetric else build(looped.transposed))


def with_loops_inserted(
    pointers: np.ndarray, sources: np.ndarray, nodes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """[m + 1], [E] -> the same with row i's loop behind its other entries, in time linear in the edges.

    Args:
        nodes: [m] which column is each row's own; by default column i that of row i.
    """
    rows = np.arange(len(pointers) - 1)
    columns = np.empty(len(sources) + len(rows), sources.dtype)
    columns[np.arange(len(sources)) + np.repeat(rows, np.diff(pointers))] = sources
    columns[pointers[1:] + rows] = rows if nodes is None else nodes
    return pointers + np.arange(len(pointers)), columns


def drawn_mean(drawn: Pattern, turned: Pattern | None, dtype: torch.dtype) -> Matrix:
    """`mean` [m, n] over the neighbours that were drawn of each of m nodes.

    Args:
        turned: the transpose; None where no gradient will be asked for.
    """
    share = 1 / drawn.counts.to(dtype).clamp(min=1)
    forward = Entries(drawn, share.index_select(0, drawn.rows))
    return Matrix(forward, None if turned is None else Entries(turned, share.index_select(0, turned.columns)))


def drawn_normalised(looped: Pattern, turned: Pattern | None, degrees: Tensor, dtype: torch.dtype) -> Matrix:
    """`symmetric_normalised` [m, n] of a graph whose edges were drawn from a larger one.

    D is that of the larger graph, and a drawn edge stands for those that were not drawn into its target, too: over the
    draws, a product has the mean that the whole graph gives.

    Args:
        looped: the drawn edges into each of m nodes, and its loop.
        turned: the transpose; None where no gradient will be asked for.
        degrees: [n] in-degrees in the larger graph.
    """
    scale = (degrees + 1).to(dtype).pow(-0.5)
    stands_for = degrees[: looped.height].to(dtype) / (looped.counts - 1).clamp(min=1)

    def build(pattern: Pattern, targets: Tensor) -> Entries:
        values = scale.index_select(0, pattern.rows) * scale.index_select(0, pattern.columns)
        share = stands_for.index_select(0, targets)
        return Entries(pattern, torch.where(pattern.rows == pattern.columns, values, values * share))

    return Matrix(build(looped, looped.rows), None if turned is None else build(turned, turned.columns))


def mean(adjacency: Pattern, transpose: Pattern, dtype: torch.dtype) -> Matrix:
    """D^-1 A: means over in-neighbours, 0 without any (Hamilton et al., NeurIPS 2017).

    Args:
        transpose: of A, its entries in any order within a row.
    """
    share = 1 / adjacency.counts.to(dtype).clamp(min=1)
    forward = Entries(adjacency, share.index_select(0, adjacency.rows))
    return Matrix(forward, Entries(transpose, share.index_select(0, transpose.columns)))


def relation_means(patterns: Mapping[str, csr_array], like: Tensor, backward: bool) -> dict[str, Matrix]:
    """D^-1 A of every relation: the mean over the sources of every target, 0 for a target without any.

    Args:
        patterns: A [targets x sources] by name. A sampled graph has new ones in every step, which scipy turns into
            compressed columns in compiled code, without a sort.
        like: gives the type and the device.
        backward: whether gradients will be asked for, which needs the transposes too.
    """
    names = sorted(patterns)
    found = [entries for name in names for entries in _both_ways(patterns[name], like.dtype, backward)]
    places, values = placed([entries.pattern for entries in found], [entries.values for entries in found], like.device)
    there = map(Entries, places, values)
    return {name: Matrix(next(there), next(there) if backward else None) for name in names}


def _both_ways(pattern: csr_array, dtype: torch.dtype, backward: bool) -> list[Entries]:
    """D^-1 A of one relation, and its transpose if gradients will be asked for, on the host."""
    degree = np.diff(pattern.indptr)
    share = torch.from_numpy(1 / np.maximum(degree, 1)).to(dtype)
    found = [Entries(of_scipy(pattern), torch.repeat_interleave(share, torch.from_numpy(degree)))]
    if backward:
        # The compressed columns of a matrix are the compressed rows of its transpose.
        columns = pattern.tocsc()
        found.append(Entries(of_scipy(columns), share[torch.from_numpy(columns.indices)]))
    return found


def of_scipy(matrix: Any) -> Pattern:
    """The pattern of a matrix of scipy that is compressed by rows, or that of the transpose of one by columns."""
    pointers, columns = (torch.from_numpy(np.asarray(part)) for part in (matrix.indptr, matrix.indices))
    return Pattern(pointers, columns, matrix.shape[1] if matrix.format == "csr" else matrix.shape[0])


def placed(
    patterns: Sequence[Pattern], others: Sequence[Tensor], device: torch.device
) -> tuple[list[Pattern], list[Tensor]]:
    """Patterns and tensors of the host on the device, in one copy."""
    parts = [part for pattern in patterns for part in (pattern.pointers, pattern.columns)]
    there = iter(moved_together([*parts, *others], device))
    found = [Pattern(next(there), next(there), pattern.width) for pattern in patterns]
    if device.type == "cuda" and found:
        # The host knows which rows are short. A GPU would work that out in two dozen kernels for each pattern.
        zeros = found[0].pointers.new_zeros(max(pattern.height for pattern in patterns) + 1)
        for number, pattern in enumerate(patterns):
            if pattern.height == 0 or int(pattern.counts.max()) <= gpu.CHUNK:
                found[number] = replace(found[number], cut=gpu.Chunks.uncut(found[number].pointers, zeros))
    return found, list(there)


def average(graph: Any, x: Tensor) -> Tensor:
    """P x [k, d] on the wanted nodes of a `Graph`, P = (D + I)^-1 (A + I): the mean over a node and its in-neighbours.

    From the mean over the neighbours alone.
    """
    degree = graph.wanted(graph.adjacency.counts.to(x.dtype)[:, None])
    averaged: Tensor = (degree * (graph.mean @ x) + graph.wanted(x)) / (degree + 1)
    return averaged
