"""A teacher's knowledge on disk: that of its weights, and of its data alone."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tests.workflow.training.conftest import TEACHER, cell
from workflow.errors import UserError
from workflow.models.model import create
from workflow.training.block import Block


def test_saved_knowledge_is_that_of_the_saved_weights(taught, tiny_task):
    block = Block(TEACHER, taught.folder / "task", taught.folder / "again", "cpu", 1)
    model = create(TEACHER.model, block.facts)
    model.load_state_dict(load_file(taught.teachers[0] / "weights" / "seed~0.safetensors"))
    model.eval()
    saved = load_file(taught.teachers[0] / "knowledge" / "seed~0.safetensors")
    with torch.no_grad():
        signals = block.feed.knowledge(model)
    assert torch.equal(saved["logits"], signals.logits)
    assert torch.equal(saved["hidden.1"], signals.hidden[1])


def test_knowledge_of_other_data_is_refused(taught, tiny_task):
    arrays = {**tiny_task.arrays, "features": tiny_task.arrays["features"] + 1}
    type(tiny_task)(**{**tiny_task.__dict__, "arrays": arrays}).finish().save(taught.folder / "task")
    with pytest.raises(UserError, match="belongs to data"):
        taught.distill(cell("kd"))
