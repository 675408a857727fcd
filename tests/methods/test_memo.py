"""What a Batch keeps belongs to the object that asked for it, and goes with it."""

from __future__ import annotations

import gc

import pytest
import torch

import methods
from methods.contract import Shape
from methods.testing import make_batch, make_signals

MOST_TURNS, ENOUGH = 200, 3
TEACHER, STUDENT = Shape((6,), 3), Shape((4,), 3)


def test_a_method_at_the_address_of_a_dead_one_gets_values_of_its_own():
    """One Batch serves method after method; a freed object leaves its address to the next one of its size."""
    batch = make_batch([0, 1, 2, 0, 1], [[0, 1, 2], [1, 2, 3]])
    student, teacher = make_signals(5, STUDENT, seed=1), make_signals(5, TEACHER, seed=2)
    wanted = {}
    for temperature in (1.0, 2.0, 4.0, 8.0):
        fresh = make_batch([0, 1, 2, 0, 1], [[0, 1, 2], [1, 2, 3]])
        alone = methods.create("kd", teacher=TEACHER, student=STUDENT, temperature=temperature)
        wanted[temperature] = alone(student, teacher, fresh)["kd"].item()
    addresses, reused = set(), 0
    for turn in range(MOST_TURNS):
        temperature = (1.0, 2.0, 4.0, 8.0)[turn % 4]
        method = methods.create("kd", teacher=TEACHER, student=STUDENT, temperature=temperature)
        reused += id(method) in addresses
        addresses.add(id(method))
        assert method(student, teacher, batch)["kd"].item() == pytest.approx(wanted[temperature], rel=1e-6)
        del method
        gc.collect()
        if reused == ENOUGH:
            break
    assert reused, "no address was used twice, so that nothing was tested"


def test_what_was_kept_dies_with_its_owner():
    batch = make_batch([0, 1, 2])
    owner = methods.create("kd", teacher=TEACHER, student=STUDENT)
    kept = batch.memo(owner, "value", lambda: torch.ones(3))
    assert batch.memo(owner, "value", lambda: torch.zeros(3)) is kept
    assert batch.memo(owner, "other", lambda: torch.zeros(3)) is not kept
    del owner
    gc.collect()
    assert not batch._memo
