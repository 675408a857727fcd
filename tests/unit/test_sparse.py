"""Sparse products against dense ones, in both of their kernels, and the pairs of edges."""

from __future__ import annotations

import pytest
import torch

from methods.contract import Batch
from methods.edges import Edges
from methods.sparse import csr, times
from workflow.training.measuring import MacCounter

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def random_matrix(rows: int, columns: int, share: float, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows)
    kept = torch.rand(rows, columns, generator=generator) < share
    return torch.randn(rows, columns, generator=generator, dtype=dtype) * kept


def compressed(dense: torch.Tensor) -> torch.Tensor:
    found = dense.to_sparse_csr()
    return csr(found.crow_indices().int(), found.col_indices().int(), found.values(), dense.shape[1])


@BOTH
@pytest.mark.parametrize("width", [1, 3, 16, 40, 257])
@pytest.mark.parametrize(("rows", "columns", "share"), [(50, 30, 0.2), (30, 50, 0.02), (1, 9, 1.0), (20, 20, 0.0)])
def test_a_product_is_the_dense_one(rows: int, columns: int, share: float, width: int, dtype: torch.dtype) -> None:
    """Also with rows, or a whole matrix, without entries, and with a dense factor that is part of a wider one."""
    matrix = random_matrix(rows, columns, share, dtype)
    wide = torch.randn(columns, 2 * width, generator=torch.Generator().manual_seed(1), dtype=dtype)
    for dense in (wide[:, :width], wide[:, :width].contiguous()):
        torch.testing.assert_close(times(compressed(matrix), dense), matrix @ dense)


@BOTH
def test_a_matrix_without_rows_gives_none(dtype: torch.dtype) -> None:
    nothing = csr(torch.zeros(1, dtype=torch.int32), torch.zeros(0, dtype=torch.int32), torch.zeros(0, dtype=dtype), 5)
    assert times(nothing, torch.ones(5, 4, dtype=dtype)).shape == (0, 4)


@BOTH
def test_a_product_costs_a_multiply_add_per_entry_and_column(dtype: torch.dtype) -> None:
    matrix = random_matrix(50, 30, 0.2, dtype)
    with MacCounter() as counter:
        times(compressed(matrix), torch.ones(30, 7, dtype=dtype))
    assert counter.macs == 7 * int(matrix.count_nonzero())


def test_a_sum_of_embeddings_without_weights_multiplies_nothing() -> None:
    with MacCounter() as counter, torch.no_grad():
        torch.nn.functional.embedding_bag(torch.tensor([[0, 1]]), torch.ones(2, 3), mode="sum")
    assert counter.macs == 0


def test_edges_there_and_back_are_one_pair() -> None:
    """0 -> 1 and 1 -> 0, 2 -> 1 alone, 2 -> 0 twice, and a self-loop of 1."""
    edge_index = torch.tensor([[0, 1, 2, 2, 2, 1], [1, 0, 1, 0, 0, 1]])
    edges = Edges.of(Batch(torch.zeros(3, dtype=torch.int64), edge_index, torch.Generator()))
    ends = torch.stack([edges.lower, edges.upper])
    assert ends.tolist() == [[0, 0, 1, 1], [1, 2, 1, 2]]
    # By target: 1 -> 0, 2 -> 0 and again; 0 -> 1, 1 -> 1, 2 -> 1.
    assert edges.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert edges.pair.tolist() == [0, 1, 1, 0, 2, 3]
    assert len(edges) == 6
