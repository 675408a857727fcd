"""Tensors on their way to a GPU."""

from __future__ import annotations

import torch

from tests.accelerator import CUDA, HOST, Pretend
from workflow import moving
from workflow.moving import moved, moved_together


def test_the_host_does_not_wait_for_a_move():
    with Pretend() as gpu, gpu.watched() as seen:
        x = torch.arange(6.0).view(2, 3)
        there = moved(x, CUDA)
        assert (there.device, seen.waits.total(), seen.copies.total()) == (CUDA, 0, 1)
        assert there.tolist() == x.tolist()
        assert moved(there, CUDA) is there
        assert moved(there, HOST).device == HOST


def test_large_and_empty_tensors_take_no_pinned_memory(monkeypatch):
    """A large one would leave as much of it behind for good."""
    monkeypatch.setattr(moving, "MOST_PINNED", 16)
    with Pretend() as gpu:
        for size, waits in ((4, 0), (5, 1), (0, 1)):
            with gpu.watched() as seen:
                assert moved(torch.ones(size), CUDA).device == CUDA
            assert seen.waits.total() == waits, size


SEVERAL = (torch.arange(5), torch.ones(2, 3), torch.zeros(0, 4), torch.tensor([True, False]), torch.tensor(7.0)[None])


def test_several_tensors_take_one_copy():
    with Pretend() as gpu:
        with gpu.watched() as seen:
            there = moved_together(SEVERAL, CUDA)
        assert (seen.waits.total(), seen.copies.total()) == (0, 1)
        for x, found in zip(SEVERAL, there, strict=True):
            assert (found.device, found.dtype, found.shape) == (CUDA, x.dtype, x.shape)
            assert found.storage_offset() * found.itemsize % 16 == 0
            assert found.tolist() == x.tolist()


def test_several_that_are_large_together_move_one_by_one(monkeypatch):
    monkeypatch.setattr(moving, "MOST_PINNED", 64)
    with Pretend() as gpu, gpu.watched() as seen:
        there = moved_together(SEVERAL, CUDA)
        assert seen.copies.total() == len(SEVERAL)
        assert [x.tolist() for x in there] == [x.tolist() for x in SEVERAL]


def test_on_the_host_nothing_is_copied():
    x = torch.ones(3)
    assert moved(x, HOST) is x
    assert moved_together([x], HOST)[0] is x
