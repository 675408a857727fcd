"""The first linear map of a network, on features that never change, with or without dropout on them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from methods.sparse import csr, rows_of
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.models.parts.constant import ConstantLinear
from workflow.models.propagation import Sparse

SPARSE_BELOW = 0.15
"""Share of nonzero features under which dropout and product follow these alone: 3 to 60 times faster (bags of words)
at up to 64 columns on one CPU core, and still 1.5 times at 256."""


@dataclass(frozen=True)
class Entries:
    """The nonzero entries of X [n, f] by row, and where each lies by column.

    Attributes:
        values: [nnz] in the order of rows.
        pointers, columns: CSR of X.
        back_pointers, back_rows: CSR of its transpose.
        back: [nnz] int64, index into `values` of every entry of the transpose.
    """

    values: Tensor
    pointers: Tensor
    columns: Tensor
    back_pointers: Tensor
    back_rows: Tensor
    back: Tensor

    @staticmethod
    def of(x: Tensor) -> Entries | None:
        """None where X is too dense for it to pay."""
        if int(x.count_nonzero()) > SPARSE_BELOW * x.numel():
            return None
        forward, transpose = x.to_sparse_csr(), x.t().to_sparse_csr()
        index = torch.int32 if forward.values().numel() < 2**31 else torch.int64
        pointers, columns = forward.crow_indices(), forward.col_indices()
        return Entries(
            forward.values(),
            pointers.to(index),
            columns.to(index),
            transpose.crow_indices().to(index),
            transpose.col_indices().to(index),
            torch.argsort(columns * len(x) + rows_of(pointers)),
        )

    def matrix(self, values: Tensor) -> Sparse:
        """X with other values at the same places."""
        nodes, features = len(self.pointers) - 1, len(self.back_pointers) - 1
        return Sparse(
            csr(self.pointers, self.columns, values, features),
            csr(self.back_pointers, self.back_rows, values[self.back], nodes),
        )


def first(
    linear: ConstantLinear, x: Tensor, dropout: Dropout, p: float, graph: Graph, key: Hashable = "features"
) -> Tensor:
    """dropout(x) W' + b: [n, in] -> [n, out]; the kept product where nothing is dropped.

    Args:
        x: constant of the graph, the same for a key at every call.
        key: names x among the graph's constants.
    """
    if p == 0 or dropout.generator is None:
        return linear.constant(x)
    entries = graph.memo(("entries", key), lambda: Entries.of(x))
    if entries is None:
        return linear(dropout(x, p))
    # A zero stays zero, so that only the other entries need a mask.
    product = entries.matrix(dropout(entries.values, p)) @ linear.weight.t().contiguous()
    return product if linear.bias is None else product + linear.bias


def check_probabilities(**values: float) -> None:
    """Raises ValueError for a dropout probability that is not in [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
