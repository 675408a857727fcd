"""Sampled rows come from the batch's generator alone; rows that do not fit are refused."""

from __future__ import annotations

import pytest
import torch

from tests.methods import reference
from tests.methods.cases import ROWS, STUDENT, TEACHER, build, signals, task

torch.set_num_threads(1)


@pytest.mark.parametrize("name", ["gsp", "gcrd", "stride", "pkt", "rkd", "crd", "cc", "gkd", "semckd"])
def test_sampling_draws_from_the_batch_alone(name: str) -> None:
    def value(seed: int) -> float:
        batch = task("node")
        batch.generator.manual_seed(seed)
        method = build(name, max_samples=5)
        return sum(method(signals(batch, STUDENT, 1), signals(batch, TEACHER, 2), batch).values()).item()  # type: ignore

    before = torch.get_rng_state()
    torch.manual_seed(0)
    assert value(1) == value(1)
    assert len({value(seed) for seed in range(4)}) > 1
    torch.set_rng_state(before)


def test_a_sample_is_what_the_reference_says_of_its_rows() -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    rows = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0))[:6]
    found = build("gsp", max_samples=6, kernel="l2")(s, t, batch)["gsp"].item()
    expected = reference.global_structure(s.last[rows].numpy(), t.last[rows].numpy(), "l2")
    assert found == pytest.approx(expected, rel=1e-9)
