"""A sort through a file: what the one in memory gives, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from workflow import arrays
from workflow.datasets.parts import blocks, csr


@pytest.fixture
def little(monkeypatch):
    """Tiny chunks, blocks and ranges; a hub has more edges than a block."""
    monkeypatch.setattr(csr, "IN_MEMORY", 10)
    monkeypatch.setattr(blocks, "CHUNK", 7)
    monkeypatch.setattr(blocks, "BLOCK", 11)
    monkeypatch.setattr(blocks, "RANGES", 6)


def drawn(seed: int, edges: int, sources: int, targets: int) -> tuple[np.ndarray, np.ndarray]:
    """With duplicates, self-loops, a hub, and targets that nothing leads into."""
    random = np.random.default_rng(seed)
    into = random.integers(0, targets, edges)
    into[: edges // 3] = targets // 2
    return random.integers(0, sources, edges).astype(np.int32), np.where(into % 5 == 1, 0, into)


@pytest.mark.parametrize(("edges", "sources", "targets"), [(200, 30, 17), (200, 5, 3), (60, 40, 100), (11, 1, 1)])
def test_the_sort_through_a_file_is_the_one_in_memory(edges, sources, targets, request):
    found = drawn(0, edges, sources, targets)
    nodes = max(sources, targets)
    expected = csr.csr(*found, sources, targets), csr.symmetric_csr(*found, nodes)
    request.getfixturevalue("little")
    for mine, other in zip(
        (csr.csr(*found, sources, targets), csr.symmetric_csr(*found, nodes)), expected, strict=True
    ):
        for a, b in zip(mine, other, strict=True):
            assert a.dtype == b.dtype == np.int32
            assert a.tolist() == b.tolist()


def test_a_sort_through_a_file_holds_no_more_than_a_block(little, monkeypatch):
    sizes = []
    rows_of = blocks.rows_of
    monkeypatch.setattr(blocks, "rows_of", lambda keys, *rest: sizes.append(len(keys)) or rows_of(keys, *rest))
    sources, targets = np.arange(60) % 30, np.arange(60) % 12
    csr.csr(sources, targets, 30, 12)
    assert sizes == [10] * 6, "two targets a range, five edges a target"


def test_edges_of_loops_alone_leave_nothing(little):
    pointers, sources = csr.symmetric_csr(np.zeros(20, np.int64), np.zeros(20, np.int64), 3)
    assert (pointers.tolist(), sources.tolist()) == ([0, 0, 0, 0], [])


@pytest.mark.parametrize("edge", [(-1, 0), (0, 5), (4, 0)])
def test_an_edge_beyond_the_nodes_is_refused(little, edge):
    sources, targets = np.zeros(40, np.int64), np.zeros(40, np.int64)
    sources[33], targets[33] = edge
    with pytest.raises(ValueError, match="an edge names node"):
        csr.csr(sources, targets, 4, 5)


@pytest.mark.parametrize("most", [3, 2**31 - 1])
def test_pointers_have_64_bits_where_32_do_not_suffice(most, monkeypatch):
    monkeypatch.setattr(arrays, "MOST_EDGES", most)
    wide = np.int64 if most == 3 else np.int32
    for edges, kind in ((3, np.int32), (4, wide)):
        pointers, sources = csr.csr(np.arange(edges), np.arange(edges), 9, 9)
        assert (pointers.dtype, sources.dtype) == (kind, np.int32)
