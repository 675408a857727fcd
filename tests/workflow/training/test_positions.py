"""Networks with position encodings in jobs: what they cost, and who reads them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reports.rows import Role
from tests.conftest import TINY
from tests.workflow.training.conftest import CPU, TEACHER, cell, settings
from workflow import scratch
from workflow.models import positions, sizes
from workflow.models.model import create
from workflow.specs import MeasuredNetwork
from workflow.task import Task
from workflow.training import measuring
from workflow.training.feeds import choose
from workflow.training.feeds.step import Needs

MLP = {"model": "mlp", "layers": 2, "width": 4}
WITH = {**MLP, "positions": 3}


def test_they_count_as_inputs(taught) -> None:
    plain, wide = sizes.measure(MLP, TINY), sizes.measure(WITH, TINY)
    assert wide.params == plain.params + 3 * 4
    networks = [MeasuredNetwork(name="n", role=Role.STUDENT, ratio_target=None, model=spec) for spec in (MLP, WITH)]
    one, other = measuring.measure(networks, taught.folder / "task", torch.device("cpu"))
    assert (one.status, other.status) == ("ok", "ok")
    assert (other.params, other.macs) == (wide.params, one.macs + 60 * 3 * 4)


NEIGHBOUR = {"sampler": "neighbour", "batch_size": 12, "fan_out": [4, 3]}


@pytest.mark.parametrize("training", [{}, NEIGHBOUR], ids=["full", "neighbour"])
@pytest.mark.parametrize("method", ["kd", "krd-noise", "nosmog", "self"])
def test_a_student_reads_them_and_its_teacher_does_not(method: str, training, taught) -> None:
    for file in () if training else (taught.folder / "teacher").rglob("knowledge/*"):
        file.unlink()  # it is made again, by the teacher on its own inputs
    own = {"teacher_model": TEACHER.model, "distill_on": "all", "training": settings(**training)}
    found = {k: taught.distill(cell(method, model=m, **own), name=k) for k, m in (("with", WITH), ("without", MLP))}
    assert {row["status"] for rows in found.values() for row in rows} == {"ok"}
    with_them, without = ([row["kl_to_teacher"] for row in rows] for rows in found.values())
    assert with_them != without
    assert found["with"][0]["config_hash"] != found["without"][0]["config_hash"]


def test_in_mini_batches_the_columns_are_the_same_in_memory_and_in_a_file(taught, monkeypatch) -> None:
    """And a network answers on them as it does where the whole graph is one step."""
    folder = taught.folder / "task"
    task = Task.load(folder)
    network = create(WITH, TINY).eval()
    whole = choose.create(positions.added(task, WITH, folder), CPU, "train").predict(network, "test")
    held = positions.added(task, WITH, folder).arrays["features"]
    monkeypatch.setattr(scratch, "MAPPED_FROM", 1)
    mapped = positions.added(task, WITH, folder)
    assert held.shape == (60, 5 + 3)
    assert np.array_equal(held, mapped.arrays["features"])
    assert np.array_equal(held[:, :5], task.arrays["features"]) and held[:, 5:].any()
    feed = choose.create(mapped, CPU, "train", settings(**NEIGHBOUR), Needs(0))
    assert torch.allclose(feed.predict(network, "test"), whole, atol=1e-6)
