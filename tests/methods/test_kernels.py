"""Kernels between rows: far from the origin, and at the ends of edges by blocks of columns."""

from __future__ import annotations

import pytest
import torch

from methods import edges as edges_module
from methods import kernels
from tests.methods.cases import ROWS, task

torch.set_num_threads(1)


@pytest.mark.parametrize("kernel", kernels.KERNELS)
def test_blocks_of_columns_change_no_edge_value(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a large graph, and with a mean far from zero."""
    edges = edges_module.Edges.of(task("node"))
    generator = torch.Generator().manual_seed(0)
    rows = (torch.randn(ROWS, 40, generator=generator, dtype=torch.float64) / 6 + 3).requires_grad_()
    weight = torch.randn(len(edges), generator=generator, dtype=torch.float64)
    found = []
    for values in (2**24, 1):
        monkeypatch.setattr(edges_module, "COLUMN_VALUES", values)
        value = edges_module.edgewise(rows, edges, kernel)
        found.append((value, *torch.autograd.grad((value * weight).sum(), rows)))
    torch.testing.assert_close(found[1], found[0])
    assert torch.autograd.gradcheck(lambda h: edges_module.edgewise(h, edges, kernel), rows)


def test_distances_survive_a_common_offset() -> None:
    """Rows far from the origin and close to each other: centring saves the Gram identity in float32."""
    h = torch.randn(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    far = (h + 1000).float()
    exact = torch.cdist(far.double(), far.double())
    prepared = kernels.prepare(far, "l2")
    torch.testing.assert_close(kernels.pairwise(prepared, prepared, "l2").double(), exact, rtol=1e-3, atol=1e-3)
