"""A teacher's knowledge on disk: that of its weights, and of its data alone."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, load_file

from tests.workflow.training.conftest import TEACHER, cell, numbers
from tests.workflow.training.jobs import block
from workflow.errors import UserError
from workflow.models.model import create
from workflow.training.block import Block
from workflow.training.knowledge import weights_of
from workflow.training.records import Records


def test_saved_knowledge_is_that_of_the_saved_weights(taught, tiny_task):
    again = block(TEACHER, taught.folder, "again")
    model = create(TEACHER.model, again.facts)
    model.load_state_dict(load_file(taught.teacher.weights(0)))
    model.eval()
    saved = load_file(taught.teacher.knowledge(0))
    with torch.no_grad():
        signals = again.feed.knowledge(model)
    assert torch.equal(saved["logits"], signals.logits)
    assert torch.equal(saved["hidden.1"], signals.hidden[1])


def test_knowledge_of_other_data_is_refused(taught, tiny_task):
    arrays = {**tiny_task.arrays, "features": tiny_task.arrays["features"] + 1}
    type(tiny_task)(**{**tiny_task.__dict__, "arrays": arrays}).finish().save(taught.folder / "task")
    with pytest.raises(UserError, match="belongs to data"):
        taught.distill(cell("kd"))


def lost(file):
    file.unlink()


def truncated(file):
    file.write_bytes(file.read_bytes()[:-7])


def changed(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [lost, truncated, changed])
def test_lost_or_damaged_knowledge_is_made_again_from_the_weights(harm, taught, capsys):
    """A new method needs it; what was trained before is not trained again, and the students are the same."""
    before = taught.distill(cell("gcrd"), name="before")
    file = taught.teacher.knowledge(0)
    kept = file.read_bytes()
    harm(file)
    after = taught.distill(cell("gcrd"), name="after")
    assert numbers(after) == numbers(before)
    assert load_file(file).keys() and torch.equal(load_file(file)["logits"], load(kept)["logits"])
    assert "making it again" in capsys.readouterr().out


def test_knowledge_that_comes_out_otherwise_is_refused(taught, monkeypatch):
    """Finished students learned from other values: another machine, say."""
    lost(taught.teacher.knowledge(0))
    real = Block._teacher
    monkeypatch.setattr(Block, "_teacher", lambda self, seed: real(self, 1))
    with pytest.raises(UserError, match="give other values here"):
        taught.distill(cell("kd"), seeds=(0,))


@pytest.mark.parametrize("method", ["kd", "krd-noise"])
def test_weights_of_another_seed_are_refused_wherever_something_is_made_of_them(method, taught):
    """The first makes the teacher's knowledge, the second asks it once more, with noise."""
    if method == "kd":
        lost(taught.teacher.knowledge(0))
    taught.teacher.weights(0).write_bytes(taught.teacher.weights(1).read_bytes())
    told = rf"weights/seed~0.*holds other weights.*delete {taught.teacher.file(0)} and run abkd-bench retry"
    with pytest.raises(UserError, match=told):
        taught.distill(cell(method), seeds=(0,))
    assert not list((taught.folder / "cell").glob("trainings/*.json"))


def test_weights_have_a_digest_where_they_are_kept(taught):
    taught.distill(cell("kd"), seeds=(0,))
    taught.distill(cell("kd"), seeds=(0,), name="none", keep_weights=False)
    told = [Records(taught.folder / name).read(0).weights for name in ("teacher", "cell", "none")]
    kept = [weights_of(load_file(taught.folder / name / "weights/seed~0.safetensors")) for name in ("teacher", "cell")]
    assert told == [*kept, ""]
    assert weights_of({"a": torch.zeros(2, 0), "b": torch.tensor(3), "c": torch.ones(2, dtype=torch.bfloat16)})


def test_knowledge_without_weights_is_one_line(taught):
    lost(taught.teacher.knowledge(0))
    truncated(taught.teacher.weights(0))
    with pytest.raises(UserError, match=r"weights/seed~0\.safetensors") as told:
        taught.distill(cell("kd"), seeds=(0,))
    assert "\n" not in str(told.value)
