"""Sparse products against dense ones in both of their kernels, and transposes."""

from __future__ import annotations

import pytest
import torch

from methods.sparse import (
    Entries,
    Matrix,
    Pattern,
    compressed,
    pointers_of,
    product,
    rows_of,
)
from tests.methods.conftest import values_of
from workflow.training.measuring import MacCounter

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def random_matrix(rows: int, columns: int, share: float, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows)
    kept = torch.rand(rows, columns, generator=generator) < share
    return torch.randn(rows, columns, generator=generator, dtype=dtype) * kept


def entries_of(dense: torch.Tensor) -> Entries:
    found = dense.to_sparse_csr()
    pattern = Pattern(found.crow_indices().int(), found.col_indices().int(), dense.shape[1])
    return Entries(pattern, found.values())


@BOTH
@pytest.mark.parametrize("width", [1, 3, 16, 40, 257])
@pytest.mark.parametrize(("rows", "columns", "share"), [(50, 30, 0.2), (30, 50, 0.02), (1, 9, 1.0), (20, 20, 0.0)])
def test_a_product_is_the_dense_one(rows: int, columns: int, share: float, width: int, dtype: torch.dtype) -> None:
    """Also with rows, or a whole matrix, without entries, and with a dense factor that is part of a wider one."""
    matrix = random_matrix(rows, columns, share, dtype)
    wide = torch.randn(columns, 2 * width, generator=torch.Generator().manual_seed(1), dtype=dtype)
    for dense in (wide[:, :width], wide[:, :width].contiguous()):
        torch.testing.assert_close(entries_of(matrix) @ dense, matrix @ dense)


@BOTH
def test_a_matrix_without_rows_gives_none(dtype: torch.dtype) -> None:
    pattern = Pattern(torch.zeros(1, dtype=torch.int32), torch.zeros(0, dtype=torch.int32), 5)
    nothing = Entries(pattern, torch.zeros(0, dtype=dtype))
    assert (nothing @ torch.ones(5, 4, dtype=dtype)).shape == (0, 4)


@BOTH
def test_a_product_costs_a_multiply_add_per_entry_and_column(dtype: torch.dtype) -> None:
    matrix = random_matrix(50, 30, 0.2, dtype)
    with MacCounter() as counter:
        entries_of(matrix) @ torch.ones(30, 7, dtype=dtype)
    assert counter.macs == 7 * int(matrix.count_nonzero())


def test_a_sum_of_embeddings_without_weights_multiplies_nothing() -> None:
    with MacCounter() as counter, torch.no_grad():
        torch.nn.functional.embedding_bag(torch.tensor([[0, 1]]), torch.ones(2, 3), mode="sum")
    assert counter.macs == 0


# --- patterns -------------------------------------------------------------------------------------------------------


def test_pointers_and_rows_are_each_others_inverse(pattern):
    counts = torch.tensor([2, 0, 3])
    assert pointers_of(counts).tolist() == [0, 2, 2, 5]
    assert rows_of(pointers_of(counts)).tolist() == [0, 0, 2, 2, 2]
    assert pattern.pointers.dtype == pattern.rows.dtype == torch.int32
    assert torch.equal(pointers_of(torch.bincount(pattern.rows, minlength=20), torch.int32), pattern.pointers)


def test_entries_are_sorted_whatever_their_order(pattern):
    shuffled = torch.randperm(90, generator=torch.Generator().manual_seed(2))
    rows, columns = pattern.rows.long()[shuffled], pattern.columns.long()[shuffled]
    again, order = compressed(rows, columns, 20, 30)
    assert torch.equal(again.pointers, pattern.pointers)
    assert torch.equal(again.columns, pattern.columns)
    assert torch.equal(shuffled[order], torch.arange(90))


def test_a_transpose_takes_its_values_along(pattern):
    values = values_of(pattern)
    turned = pattern.transposed.matrix(values[pattern.order])
    assert torch.equal(turned.to_dense(), pattern.matrix(values).to_dense().T)


@BOTH
def test_a_product_passes_gradients_to_values_and_dense_factor(pattern, dtype):
    values = values_of(pattern).to(dtype).requires_grad_()
    dense = torch.randn(30, 3, generator=torch.Generator().manual_seed(3), dtype=dtype, requires_grad=True)
    weight = torch.randn(20, 3, generator=torch.Generator().manual_seed(4), dtype=dtype)
    whole = torch.zeros(20, 30, dtype=dtype).index_put((pattern.rows.long(), pattern.columns.long()), values)
    found, expected = product(values, dense, pattern), whole @ dense
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad((found * weight).sum(), (values, dense)),
        torch.autograd.grad((expected * weight).sum(), (values, dense)),
    )


def test_part_of_a_constant_matrix(pattern):
    values = values_of(pattern)
    matrix = Matrix(Entries(pattern, values), Entries(pattern.transposed, values[pattern.order]))
    dense = torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5), requires_grad=True)
    for start, stop in ((0, 20), (3, 11), (4, 5)):
        part, expected = matrix.part(start, stop, backward=True) @ dense, (matrix @ dense)[start:stop]
        torch.testing.assert_close(part, expected)
        torch.testing.assert_close(
            torch.autograd.grad(part.sum(), dense, retain_graph=True), torch.autograd.grad(expected.sum(), dense)
        )
