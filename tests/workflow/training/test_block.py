"""A block of seeds: determinism, pairing, what it leaves on disk, and how an interrupted one goes on."""

from __future__ import annotations

import select
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

import methods
from tests.workflow.training.conftest import cell, numbers, settings
from tests.workflow.training.jobs import block
from workflow.models.model import create
from workflow.training import block as blocks
from workflow.training.loop import evaluate
from workflow.training.records import Records


def test_every_method_begins_with_the_same_student(taught, monkeypatch):
    """Pairs of seeds rest on it: first weights as the loop gets them, whatever heads a method has."""
    real, first = blocks.fit, []

    def watched(model, *others):
        first.append({name: value.clone() for name, value in model.state_dict().items()})
        return real(model, *others)

    monkeypatch.setattr(blocks, "fit", watched)
    for method in ("supervised", "kd", "gcrd", "abkd"):
        taught.distill(cell(method), seeds=(0, 1), name=method)
    assert len(first) == 8
    for place, weights in enumerate(first):
        assert all(torch.equal(weights[name], value) for name, value in first[place % 2].items())
    assert not all(torch.equal(first[1][name], value) for name, value in first[0].items()), "seeds differ"


def test_same_seed_same_numbers_bit_for_bit(taught):
    first = taught.distill(cell("gcrd"), name="a")
    second = taught.distill(cell("gcrd"), name="b")
    assert numbers(first) == numbers(second)
    one, two = (load_file(taught.folder / name / "weights" / "seed~1.safetensors") for name in "ab")
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("method", ["kd", "glnn-two-steps"])
def test_a_seed_does_not_depend_on_its_block(method, taught):
    together = taught.distill(cell(method), seeds=(0, 1), name="together")
    alone = taught.distill(cell(method), seeds=(1,), name="alone")
    assert numbers(together)[1:] == numbers(alone)


def test_seeds_differ(taught):
    rows = taught.distill(cell("supervised"))
    a, b = (load_file(taught.folder / "cell" / "weights" / f"seed~{s}.safetensors") for s in (0, 1))
    assert [row["seed"] for row in rows] == [0, 1]
    assert not torch.equal(a["convolutions.0.weight"], b["convolutions.0.weight"])


def test_each_student_learns_from_the_teacher_of_its_seed(taught):
    """Exchanging the teachers must change kd's students, and must not change the supervised ones."""
    before = {m: taught.distill(cell(m), seeds=(0,), name=m) for m in ("kd", "supervised")}
    other = taught.teacher.read(1)
    taught.teacher.knowledge(0).write_bytes(taught.teacher.knowledge(1).read_bytes())
    taught.teacher.write(other.model_copy(update={"row": other.row.model_copy(update={"seed": 0})}))
    after = {m: taught.distill(cell(m), seeds=(0,), name=f"{m}-after") for m in ("kd", "supervised")}
    weights = {m: load_file(taught.folder / m / "weights" / "seed~0.safetensors") for m in before}
    changed = {m: load_file(taught.folder / f"{m}-after" / "weights" / "seed~0.safetensors") for m in before}
    key = "convolutions.0.weight"
    assert not torch.equal(weights["kd"][key], changed["kd"][key])
    assert torch.equal(weights["supervised"][key], changed["supervised"][key])
    assert numbers(before["supervised"]) == numbers(after["supervised"])


def test_saved_weights_reproduce_the_reported_scores(taught, tiny_task):
    (row,) = taught.distill(cell("kd", training=settings(epochs=15, learning_rate=0.2)), seeds=(0,))
    assert row["best_epoch"] < row["epochs"]
    again = block(cell("kd"), taught.folder, "again")
    model = create(again.spec.model, again.facts)
    model.load_state_dict(load_file(taught.folder / "cell" / "weights" / "seed~0.safetensors"))
    assert evaluate(model, again.feed) == {part: row[part] for part in ("train", "valid", "test")}


def test_weights_can_be_left_out(taught):
    """On ogbn-mag a student's embeddings would fill the disk."""
    (row,) = taught.distill(cell("kd"), seeds=(0,), name="light", keep_weights=False)
    assert row["status"] == "ok"
    assert not (taught.folder / "light" / "weights").exists()


def test_one_process_trains_a_seed(taught, tmp_path):
    """Another process that holds the seed's lock is waited for; the lock of another seed is not."""
    code = (
        "import sys; from pathlib import Path; from workflow.training.records import Records\n"
        "with Records(Path(sys.argv[1])).writer(int(sys.argv[2])): print('held', flush=True); sys.stdin.read()"
    )

    def hold(seed: int) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", code, str(taught.folder / "cell"), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return holder

    first, second, other = hold(3), hold(3), hold(4)
    held, waiting = (first, second) if select.select([first.stdout], [], [], 20)[0] else (second, first)
    assert held.stdout.readline() == "held\n"
    assert other.stdout.readline() == "held\n"
    assert "waiting" in waiting.stderr.readline()
    held.kill()
    assert waiting.stdout.readline() == "held\n"
    for each in (first, second, other):
        each.kill()
        each.communicate()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (0, 2)])
def test_what_a_method_traces_may_have_any_shape(shape, taught, monkeypatch):
    monkeypatch.setattr(methods.load("kd"), "trace", lambda self: {"value": torch.ones(shape)})
    (row,) = taught.distill(cell("kd"), seeds=(0,))
    history = Records(taught.folder / "cell").read(0).history
    assert row["status"] == "ok"
    rows = torch.tensor(history.trace[0][1]["value"])
    assert rows.numel() == torch.ones(shape).numel()
    assert rows.dim() == 2 or not rows.numel()
