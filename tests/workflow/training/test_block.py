"""A block of seeds: determinism, pairing, what it leaves on disk, and how an interrupted one goes on."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

import methods
from tests.workflow.training.conftest import cell, numbers, settings, taught_otherwise
from workflow.models.model import create
from workflow.training.block import Block
from workflow.training.loop import evaluate


def test_same_seed_same_numbers_bit_for_bit(taught):
    first = taught.distill(cell("gcrd"), name="a")
    second = taught.distill(cell("gcrd"), name="b")
    assert numbers(first) == numbers(second)
    one, two = (load_file(taught.folder / name / "weights" / "seed~1.safetensors") for name in "ab")
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_seed_does_not_depend_on_its_block(taught):
    together = taught.distill(cell("kd"), seeds=(0, 1), name="together")
    alone = taught.distill(cell("kd"), seeds=(1,), name="alone")
    assert numbers(together)[1:] == numbers(alone)


def test_seeds_differ(taught):
    rows = taught.distill(cell("supervised"))
    a, b = (load_file(taught.folder / "cell" / "weights" / f"seed~{s}.safetensors") for s in (0, 1))
    assert [row["seed"] for row in rows] == [0, 1]
    assert not torch.equal(a["convolutions.0.weight"], b["convolutions.0.weight"])


def test_each_student_learns_from_the_teacher_of_its_seed(taught):
    """Exchanging the teachers must change kd's students, and must not change the supervised ones."""
    folder = taught.teachers[0] / "knowledge"
    before = {m: taught.distill(cell(m), seeds=(0,), name=m) for m in ("kd", "supervised")}
    kept = (folder / "seed~1.safetensors").read_bytes()
    (folder / "seed~0.safetensors").write_bytes(kept)
    after = {m: taught.distill(cell(m), seeds=(0,), name=f"{m}-after") for m in ("kd", "supervised")}
    weights = {m: load_file(taught.folder / m / "weights" / "seed~0.safetensors") for m in before}
    changed = {m: load_file(taught.folder / f"{m}-after" / "weights" / "seed~0.safetensors") for m in before}
    key = "convolutions.0.weight"
    assert not torch.equal(weights["kd"][key], changed["kd"][key])
    assert torch.equal(weights["supervised"][key], changed["supervised"][key])
    assert numbers(before["supervised"]) == numbers(after["supervised"])


def test_saved_weights_reproduce_the_reported_scores(taught, tiny_task):
    (row,) = taught.distill(cell("kd", training=settings(epochs=15)), seeds=(0,))
    block = Block(cell("kd"), taught.folder / "task", taught.folder / "again", "cpu", 1)
    model = create(block.spec.model, block.facts)
    model.load_state_dict(load_file(taught.folder / "cell" / "weights" / "seed~0.safetensors"))
    assert evaluate(model, block.feed) == {part: row[part] for part in ("train", "valid", "test")}


def test_weights_can_be_left_out(taught):
    """On ogbn-mag a student's embeddings would fill the disk."""
    block = Block(cell("kd"), taught.folder / "task", taught.folder / "light", "cpu", 1)
    block.distill([0], taught.teachers, keep_weights=False)
    assert taught.rows(taught.folder / "light")[0]["status"] == "ok"
    assert not (taught.folder / "light" / "weights").exists()


def interrupt(taught, monkeypatch):
    """Stops a cell of kd between its seeds 0 and 1."""
    real = Block._distill_one

    def interrupted(self, seed, teachers):
        if seed == 1:
            raise KeyboardInterrupt
        return real(self, seed, teachers)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Block, "_distill_one", interrupted)
        taught.distill(cell("kd"), seeds=(0, 1))


def count_trainings(monkeypatch):
    """A list that gets the seeds which are trained from now on."""
    trained = []
    real = Block._distill_one
    monkeypatch.setattr(Block, "_distill_one", lambda self, seed, t: (trained.append(seed), real(self, seed, t))[1])
    return trained


def test_interrupted_block_goes_on_where_it_stopped(taught, monkeypatch):
    whole = taught.distill(cell("kd"), seeds=(0, 1), name="whole")
    interrupt(taught, monkeypatch)
    assert not (taught.folder / "cell" / "rows.json").exists()
    trained = count_trainings(monkeypatch)
    rows = taught.distill(cell("kd"), seeds=(0, 1))
    assert trained == [1]
    assert numbers(rows) == numbers(whole)


def test_another_spec_takes_nothing_over(taught, monkeypatch):
    finished = taught.folder / "cell" / "finished"
    interrupt(taught, monkeypatch)
    assert list(finished.iterdir())
    trained = count_trainings(monkeypatch)
    taught.distill(cell("kd", hyperparameters={"alpha": 0.5}), seeds=(0, 1))
    assert trained == [0, 1]


def test_another_teacher_takes_nothing_over(taught, monkeypatch):
    """Retrained by other code under the same spec, say: no cell holds students of two teachers."""
    interrupt(taught, monkeypatch)
    taught.teach(spec=taught_otherwise(learning_rate=0.02))
    trained = count_trainings(monkeypatch)
    taught.distill(cell("kd"), seeds=(0, 1))
    assert trained == [0, 1]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (0, 2)])
def test_what_a_method_traces_may_have_any_shape(shape, taught, monkeypatch):
    monkeypatch.setattr(methods.load("kd"), "trace", lambda self: {"value": torch.ones(shape)})
    (row,) = taught.distill(cell("kd"), seeds=(0,))
    (history,) = json.loads((taught.folder / "cell" / "history.json").read_text())
    assert row["status"] == "ok"
    rows = torch.tensor(history["trace"][0][1]["value"])
    assert rows.numel() == torch.ones(shape).numel()
    assert rows.dim() == 2 or not rows.numel()
