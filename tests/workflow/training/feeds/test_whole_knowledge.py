"""All rows of a teacher, made beside the few that most students read: whose they are is told by its digest."""

from __future__ import annotations

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.workflow.training.feeds.test_neighbour_jobs import SMALL, WHOLE, cell_spec, folder, teacher_of, train
from workflow.training.feeds import neighbour
from workflow.training.records import Records

__all__ = ["folder"]


def test_all_rows_of_another_teacher_are_made_anew(folder, monkeypatch):
    """As they would lie there where the teacher was taught again, and its record says otherwise."""
    monkeypatch.setattr(neighbour, "FEW", 2.0)
    spec = teacher_of()
    train(spec, folder, "teacher", [0])
    cell = cell_spec(spec, "s", SMALL, "kd", 10, distill_on="all")
    before = train(cell, folder, "before", [0])[0]
    file = folder / "teacher" / WHOLE
    with safe_open(file, "pt") as opened:
        told = opened.metadata()
    save_file(
        {name: torch.zeros_like(values) for name, values in load_file(file).items()},
        file,
        {**told, "knowledge": "of another"},
    )
    after = train(cell, folder, "after", [0])[0]
    assert (before.row.test, before.history) == (after.row.test, after.history)
    with safe_open(file, "pt") as opened:
        assert opened.metadata()["knowledge"] == Records(folder / "teacher").read(0).knowledge
