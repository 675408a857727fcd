"""Sums by blocks of rows: one value whatever the blocks, and no matrix of all pairs in memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import methods
from methods import kernels, streaming
from methods.testing import make_batch, make_signals
from tests.methods.cases import ROWS, STUDENT, TEACHER, LargestTensor, build, signals, task

torch.set_num_threads(1)

BLOCKED = [
    ("gcrd", {"projection": 8}),
    ("pkt", {}),
    ("crd", {"projection": 8}),
    ("cc", {}),
    ("gkd", {}),
    ("semckd", {}),
    *(("gsp", {"kernel": kernel}) for kernel in kernels.KERNELS),
]


@pytest.mark.parametrize(("name", "extra"), BLOCKED)
def test_block_sizes_agree(name: str, extra: dict[str, object]) -> None:
    """Blocks of 1, 7 and n rows, and the default, give one value and one gradient."""
    found = []
    for block in (1, 7, ROWS, None):
        batch = task("node")
        s, t = signals(batch, STUDENT, 1, True), signals(batch, TEACHER, 2)
        value = torch.stack(list(build(name, block=block, **extra)(s, t, batch).values())).sum()
        value.backward()
        found.append((value.item(), s.last.grad))
    for value, gradient in found[1:]:
        assert value == pytest.approx(found[0][0], rel=1e-10)
        torch.testing.assert_close(gradient, found[0][1], rtol=1e-8, atol=1e-10)


MEMORY = [
    ("gsp", {"kernel": "cosine"}),
    ("gsp", {"kernel": "rbf"}),
    ("gsp", {"kernel": "l2"}),
    ("gcrd", {"projection": 16}),
    ("lsp", {}),
    ("pkt", {}),
    ("sp", {}),
    ("nst", {}),
    ("cka", {}),
    ("rkd", {}),
    ("stride", {"dim": 4}),
    ("abkd", {}),
    ("crd", {"projection": 16, "max_samples": 4096}),
    ("cc", {}),
    ("gkd", {"max_samples": 4096}),
    ("gkd", {"max_samples": 4096, "kernel": "gaussian"}),
    ("semckd", {"max_samples": 4096}),
    ("afd", {}),
    ("nosmog-gram", {}),
    ("ickd", {}),
]


@pytest.mark.parametrize(("name", "hyperparameters"), MEMORY)
def test_no_matrix_of_all_pairs(name: str, hyperparameters: dict[str, object]) -> None:
    """Forward and backward at n = 2048 never hold n x n values, nor the columns of all edges."""
    n = 2048
    edges = torch.randint(n, (2, 20 * n), generator=torch.Generator().manual_seed(0))
    batch = make_batch(torch.zeros(n, dtype=torch.int64), edges)
    s, t = make_signals(n, STUDENT, 1, True), make_signals(n, TEACHER, 2)
    method = methods.create(name, teacher=TEACHER, student=STUDENT, **hyperparameters)
    with LargestTensor() as largest:
        total = sum(method(s, t, batch).values())
        assert isinstance(total, Tensor)
        total.backward()
    limit = 3 * edges.numel() if name == "lsp" else n * n // 2
    assert 0 < largest.elements < limit


def test_streamed_sum_without_gradient_keeps_nothing() -> None:
    x = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    slices = streaming.blocks(9, 9, x.device, 2)
    assert [part.stop - part.start for part in slices] == [2, 2, 2, 2, 1]
    with torch.no_grad():
        value = streaming.streamed_sum(lambda rows, a, b: (a @ b.T).sum(), slices, [x], [x])
    assert not value.requires_grad
    torch.testing.assert_close(value, (x @ x.T).sum().detach())
