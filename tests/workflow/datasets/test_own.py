"""Imported datasets: another array is another state, so that they are prepared anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_tiny_task
from workflow.datasets import own
from workflow.files import write_json


@pytest.mark.parametrize("name", ["labels", "split/test"])
def test_an_array_that_was_changed_by_hand_is_another_state(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(own, "FOLDER", tmp_path)
    task = make_tiny_task()
    task.save(tmp_path / "mine")
    write_json(tmp_path / "mine" / own.ABOUT, {"title": "Mine"})
    before, kept = own.state("mine"), own.build("mine", {}).finish().fingerprint
    assert own.state("mine") == before
    file = tmp_path / "mine" / f"{name}.npy"
    array = np.load(file)
    array[:2] = array[1::-1] if len(set(array[:2])) > 1 else (array[:2] + 1) % 3
    np.save(file, array)
    assert own.state("mine") != before
    if name == "labels":
        assert own.build("mine", {}).finish().fingerprint != kept
