"""The constant matrices that networks propagate with, from the adjacency of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from methods.sparse import Entries, Matrix, Pattern, compressed
from workflow.moving import moved


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


def mean(adjacency: Pattern, transpose: Pattern, dtype: torch.dtype) -> Matrix:
    """D^-1 A: means over in-neighbours, 0 without any (Hamilton et al., NeurIPS 2017).

    Args:
        transpose: of A, its entries in any order within a row.
    """
    share = 1 / adjacency.counts.to(dtype).clamp(min=1)
    forward = Entries(adjacency, share.index_select(0, adjacency.rows))
    return Matrix(forward, Entries(transpose, share.index_select(0, transpose.columns)))


def relation_mean(pattern: csr_array, like: Tensor, backward: bool) -> Matrix:
    """D^-1 A of one relation: the mean over the sources of every target, 0 for a target without any.

    Args:
        pattern: A [targets x sources]. A sampled graph has new ones in every step, which scipy turns into compressed
            columns in compiled code, without a sort.
        like: gives the type and the device.
        backward: whether gradients will be asked for, which needs the transpose too.
    """
    degree = np.diff(pattern.indptr)
    share = torch.from_numpy(1 / np.maximum(degree, 1)).to(like.dtype)

    def move(found: Any, values: Tensor, width: int) -> Entries:
        pointers, columns = (torch.from_numpy(np.asarray(a)) for a in (found.indptr, found.indices))
        places = Pattern(moved(pointers, like.device), moved(columns, like.device), width)
        return Entries(places, moved(values, like.device))

    targets, sources = pattern.shape
    forward = move(pattern, torch.repeat_interleave(share, torch.from_numpy(degree)), sources)
    if not backward:
        return Matrix(forward, None)
    # The compressed columns of a matrix are the compressed rows of its transpose.
    columns = pattern.tocsc()
    return Matrix(forward, move(columns, share[torch.from_numpy(columns.indices)], targets))
