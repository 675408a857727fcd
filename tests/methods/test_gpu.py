"""How a GPU's products cut long rows, and that what counts operations sees them."""

from __future__ import annotations

import pytest
import torch

from methods import gpu
from methods.sparse import Pattern, pointers_of
from workflow.training.measuring import MacCounter

FULL = gpu.CHUNK
LENGTHS = {
    "short": [3, 0, 5],
    "one long": [0, 4 * FULL - 24, 2, 0],
    "just full": [FULL, 2 * FULL, 0, FULL],
    "one over": [FULL + 1, 2 * FULL + 1, 1],
    "long last": [1, 2, FULL + 150],
    "no entries": [0, 0],
    "many": [(29 * i) % (2 * FULL + 80) for i in range(24)],
}


def made(lengths: list[int]) -> tuple[Pattern, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    entries = sum(lengths)
    pointers = pointers_of(torch.tensor(lengths))
    columns = torch.randint(40, (entries,), generator=generator)
    return Pattern(pointers, columns, 40).narrow(), torch.randn(entries, generator=generator)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_chunks_hold_every_entry_once(lengths: list[int]) -> None:
    pattern, values = made(lengths)
    chunks = pattern.chunks
    sizes = chunks.stops - chunks.starts
    assert int(sizes.sum()) == len(values)
    assert int(sizes.min()) >= 0
    assert int(sizes.max()) <= gpu.CHUNK
    covered = [e for a, b in zip(chunks.starts.tolist(), chunks.stops.tolist(), strict=True) for e in range(a, b)]
    assert sorted(covered) == list(range(len(values)))


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_the_sum_over_chunks_is_the_product(lengths: list[int]) -> None:
    pattern, values = made(lengths)
    dense = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))[:, 1:4]
    found = gpu.product(pattern.chunks, pattern.pointers, pattern.columns, values, dense)
    torch.testing.assert_close(found, pattern.matrix(values).to_dense() @ dense, rtol=1e-5, atol=1e-5)


def test_its_multiply_adds_are_counted() -> None:
    pattern, values = made(LENGTHS["one over"])
    with MacCounter() as counter:
        gpu.product(pattern.chunks, pattern.pointers, pattern.columns, values, torch.ones(40, 5))
    assert counter.macs == 5 * len(values)
