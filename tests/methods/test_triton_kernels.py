"""The kernels that a GPU runs, by Triton's interpreter on CPU: `make test-kernels`."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

from methods import gpu
from methods.sparse import Pattern
from tests.methods.test_gpu import LENGTHS, made

if find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs Triton and its interpreter: make test-kernels", allow_module_level=True)

from methods import triton_kernels as kernels

WIDTHS = [3, 70]


def dense(rows: int, width: int, seed: int = 1) -> torch.Tensor:
    """Columns of a wider matrix, as those of one head are."""
    return torch.randn(rows, width + 5, generator=torch.Generator().manual_seed(seed))[:, 2 : width + 2]


def placed(pattern: Pattern, values: torch.Tensor) -> torch.Tensor:
    """[n, m] in float64; an entry may stand at one place several times."""
    found = torch.zeros(pattern.height, pattern.width, dtype=torch.float64)
    return found.index_put_((pattern.rows.long(), pattern.columns.long()), values.double(), accumulate=True)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_product(lengths: list[int], width: int) -> None:
    pattern, values = made(lengths)
    chunks, x = pattern.chunks, dense(40, width)
    found = kernels.product(chunks.starts, chunks.stops, chunks.further, pattern.columns, values, x)
    torch.testing.assert_close(found.double(), placed(pattern, values) @ x.double(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_dots(lengths: list[int], width: int) -> None:
    pattern, values = made(lengths)
    left, right = dense(len(lengths), width, 2), dense(40, width, 3)
    expected = (left[pattern.rows.long()].double() * right[pattern.columns.long()].double()).sum(1)
    found = kernels.dots(pattern.rows, pattern.columns, left, right)
    assert found.shape == values.shape
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [1, 3, gpu.SHORT])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_gather(lengths: list[int], width: int) -> None:
    pattern, _ = made(lengths)
    x = dense(40, width)
    assert torch.equal(kernels.gather(x, pattern.columns), x[pattern.columns.long()])
