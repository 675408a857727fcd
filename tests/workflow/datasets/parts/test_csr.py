"""Compressed rows of edges."""

from __future__ import annotations

import numpy as np
import pytest

from workflow.datasets.parts.csr import both_ways, check_scipy, csr, symmetric_csr


def test_csr_by_hand() -> None:
    pointers, sources = csr(np.array([2, 0, 2, 1]), np.array([1, 1, 1, 0]), 3, 2)
    assert (pointers.tolist(), sources.tolist()) == ([0, 1, 3], [1, 0, 2])
    pointers, sources = symmetric_csr(np.array([0, 1, 2, 2]), np.array([1, 0, 2, 0]), 4)
    assert (pointers.tolist(), sources.tolist()) == ([0, 2, 3, 4, 4], [1, 2, 0, 0])
    arrays = both_ways("a", "to", "b", np.array([[0, 2], [1, 1]]), (3, 2))
    assert arrays["relation/b/rev_to/a/pointers"].tolist() == [0, 1, 1, 2]
    assert csr(np.array([], np.int64), np.array([], np.int64), 0, 2)[0].tolist() == [0, 0, 0]
    for source, target in ((3, 0), (-1, 0), (0, 2)):
        with pytest.raises(ValueError, match="an edge names node"):
            csr(np.array([source]), np.array([target]), 3, 2)


@pytest.mark.parametrize("pointers", [[0, 5, 0], [0, 2, 1], [1, 1, 2], [0, 1, 9]])
def test_a_sparse_matrix_that_is_none_is_refused_before_it_is_read(pointers):
    """Of the first scipy's own check says nothing, and its conversion ends the process."""
    from scipy.sparse import csr_array

    matrix = csr_array((np.ones(2), np.zeros(2, np.int32), np.array([0, 1, 2], np.int32)), shape=(2, 3))
    check_scipy(matrix)
    matrix.indptr = np.array(pointers, np.int32)
    with pytest.raises(ValueError):
        check_scipy(matrix)
