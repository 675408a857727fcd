"""Prepared tasks that were changed or damaged on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.workflow.training.conftest import bench, cell, taught  # noqa: F401 (fixtures)
from workflow.errors import UserError
from workflow.task import Task
from workflow.training import measuring


def permuted(folder: Path, name: str = "labels") -> None:
    """Changes an array in place; its file keeps its size."""
    array = np.load(folder / f"{name}.npy")
    np.save(folder / f"{name}.npy", array[::-1])


def test_a_job_refuses_an_array_that_was_changed_by_hand(taught) -> None:  # noqa: F811
    permuted(taught.folder / "task")
    told = r"/task is not a prepared task \(labels.npy holds something else than was prepared\); delete it and run "
    with pytest.raises(UserError, match=told):
        taught.distill(cell("kd"))
    with pytest.raises(UserError, match=told):
        measuring.measure([], taught.folder / "task", torch.device("cpu"))
    assert not (taught.folder / "cell" / "trainings").exists()


@pytest.mark.parametrize("name", ["split/train", "features", "sources"])
def test_every_array_has_a_checksum(name: str, tiny_task: Task, tmp_path: Path) -> None:
    tiny_task.save(tmp_path / "task")
    assert Task.load(tmp_path / "task", verified=True).fingerprint == tiny_task.fingerprint
    permuted(tmp_path / "task", name)
    with pytest.raises(UserError, match=f"{name}.npy holds something else"):
        Task.load(tmp_path / "task", verified=True)
