"""Sparse products on a GPU: every way of taking them, against what the card's memory allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from methods.gpu import bag
from methods.sparse import Entries
from tests.benchmarks import data
from tests.benchmarks.gpu import card
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, say
from workflow.models import propagation
from workflow.models.graph import Graph

LONG = True
WIDTHS = (16, 64, 256)
REPEATS = 5

ABOUT = (
    "A + I of a generated graph of ogbn-arxiv's size, normalised as GCN does, times [n, d] in float32. `bytes` counts "
    "every neighbour's row as read, and every output row as written; `of_copy` is that over the time, as a share of "
    "what a copy of a large tensor moves on the same card (it may pass 1 where rows stay in the cache). `repeats`: "
    "whether five products are the same bits."
)


def run(settings: Settings) -> list[Table]:
    device = card.device()
    task = data.arxiv_sized(settings.arxiv_nodes)
    pointers, sources = (torch.from_numpy(np.asarray(task.arrays[k])).to(device) for k in ("pointers", "sources"))
    nodes = len(pointers) - 1
    graph = Graph(torch.zeros(nodes, 1, device=device), pointers, sources)
    matrix = propagation.symmetric_normalised(graph.looped, True, torch.float32).forward
    entries = len(matrix.values)
    copied = card.copy_rate(device)
    rows: list[Row] = []
    for width in WIDTHS:
        dense = torch.randn(nodes, width, device=device)
        moved = 4 * (entries * (width + 2) + nodes * width)
        right = Entries(matrix.pattern, matrix.values.double()) @ dense.double()
        for name, product in ways(matrix).items():
            found = [product(dense) for _ in range(REPEATS)]
            seconds = card.seconds(lambda product=product, dense=dense: product(dense))
            rows.append(
                {
                    "way": name,
                    "width": width,
                    "milliseconds": 1000 * seconds,
                    "of_copy": moved / seconds / copied,
                    "error": float((found[0] - right).norm() / right.norm()),
                    "repeats": all(torch.equal(found[0], other) for other in found),
                }
            )
            say("gpu_products", rows[-1])
    return [Table(ABOUT, rows)]


def ways(matrix: Entries) -> dict[str, Callable[[Tensor], Tensor]]:
    pattern, values = matrix.pattern, matrix.values
    csr = pattern.matrix(values)
    return {
        "project": lambda dense: matrix @ dense,
        "cuSPARSE": lambda dense: torch.addmm(dense.new_zeros(len(csr), dense.shape[1]), csr, dense, beta=0),
        "embedding_bag": lambda dense: bag(pattern.pointers, pattern.columns, values, dense),
    }
