"""The first linear map of a network, on features that never change, with or without dropout on them."""

from __future__ import annotations

from collections.abc import Hashable

from torch import Tensor

from methods.sparse import Pattern, product
from workflow.models.graph import Graph
from workflow.models.model import Dropout
from workflow.models.parts.constant import ConstantLinear

SPARSE_BELOW = 0.15
"""Share of nonzero features under which dropout and product follow these alone: 3 to 60 times faster (bags of words)
at up to 64 columns on one CPU core, and still 1.5 times at 256."""


def entries_of(x: Tensor) -> tuple[Pattern, Tensor] | None:
    """The nonzero entries of [n, f] and their values; None where x is too dense to pay, or asks for a gradient."""
    if x.requires_grad or int(x.count_nonzero()) > SPARSE_BELOW * x.numel():
        return None
    found = x.to_sparse_csr()
    return Pattern(found.crow_indices(), found.col_indices(), x.shape[1]).narrow(), found.values()


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
    mapped = dropped(linear.weight, x, dropout, p, graph, key)
    return mapped if linear.bias is None else mapped + linear.bias


def dropped(weight: Tensor, x: Tensor, dropout: Dropout, p: float, graph: Graph, key: Hashable = "features") -> Tensor:
    """dropout(x) W': [n, in] -> [n, out]; see `first`."""
    # Counting the zeros of every drawn graph would take longer than they save, and make a GPU wait.
    entries = None if graph.sampled else graph.memo(("entries", key), lambda: entries_of(x))
    if entries is None:
        return dropout(x, p) @ weight.t()
    # A zero stays zero, so that only the other entries need a mask.
    pattern, values = entries
    return product(dropout(values, p), weight.t(), pattern)


def check_probabilities(**values: float) -> None:
    """Raises ValueError for a dropout probability that is not in [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
