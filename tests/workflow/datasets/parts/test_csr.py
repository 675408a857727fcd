"""Compressed rows of edges."""

from __future__ import annotations

import numpy as np
import pytest

from workflow.datasets.parts.csr import both_ways, csr, symmetric_csr


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
