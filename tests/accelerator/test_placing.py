"""Sparse matrices on their way to a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from methods import gpu as kernels
from tests.accelerator import CUDA
from workflow.models.propagation import of_scipy, placed, relation_means

MOST = kernels.CHUNK
LENGTHS = {"short": [3, 0, 5, 1], "one long": [2, MOST + 40, 0, 7], "just short": [MOST, 1], "empty": [0, 0]}


def matrix(lengths: list[int], seed: int = 0) -> csr_array:
    pointers = np.cumsum([0, *lengths])
    columns = np.random.default_rng(seed).integers(0, 40, pointers[-1])
    return csr_array((np.ones(len(columns), np.int8), columns, pointers), shape=(len(lengths), 40))


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_a_gpu_multiplies_by_what_was_placed(lengths, gpu):
    """By the chunks that a GPU takes, of rows that the host knows to be short, too."""
    both = [of_scipy(way) for way in (matrix(lengths), matrix(lengths).tocsc())]
    for there, here in zip(placed(both, [], CUDA)[0], both, strict=True):
        values = torch.randn(len(here.columns), generator=torch.Generator().manual_seed(1))
        dense = torch.randn(here.width, 3, generator=torch.Generator().manual_seed(2))
        on_gpu = [x.to(CUDA) for x in (values, dense)]
        found = product(there, *on_gpu)
        torch.testing.assert_close(found.cpu(), here.matrix(values).to_dense() @ dense)


def product(pattern, values, dense):
    return kernels.product(pattern.chunks, pattern.pointers, pattern.columns, values, dense)


def test_short_rows_are_not_cut(gpu):
    (short, long), _ = placed([of_scipy(matrix(LENGTHS[name])) for name in ("short", "one long")], [], CUDA)
    with gpu.watched() as seen:
        assert len(short.chunks.starts) == 4
        assert (seen.kernels, seen.waits.total()) == (0, 0)
        assert len(long.chunks.starts) > 4
        assert seen.kernels > 10


def test_all_relations_travel_in_one_copy(gpu):
    patterns = {f"a/{name}/b": matrix([2, 0, 3], seed) for seed, name in enumerate("xyz")}
    like = torch.zeros(1).to(CUDA)
    with gpu.watched() as seen:
        means = relation_means(patterns, like, backward=True)
    assert seen.copies.total() == 1
    dense = torch.randn(40, 2, generator=torch.Generator().manual_seed(3))
    for name, pattern in patterns.items():
        expected = torch.from_numpy(pattern.toarray()).float() / torch.tensor([2.0, 1, 3])[:, None] @ dense
        torch.testing.assert_close((means[name] @ dense.to(CUDA)).cpu(), expected)


def test_no_relation_takes_no_copy(gpu):
    assert placed([], [], CUDA) == ([], [])
