"""A block of seeds: determinism, pairing, what it leaves on disk, and how an interrupted one goes on."""

from __future__ import annotations

import select
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

import methods
from reports.rows import Status
from tests.workflow.training.conftest import cell, numbers, settings, taught_otherwise
from tests.workflow.training.jobs import block
from workflow.errors import UserError
from workflow.models.model import create
from workflow.training import block as blocks
from workflow.training.block import Block
from workflow.training.loop import evaluate
from workflow.training.records import Records


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
    (row,) = taught.distill(cell("kd", training=settings(epochs=15)), seeds=(0,))
    again = block(cell("kd"), taught.folder, "again")
    model = create(again.spec.model, again.facts)
    model.load_state_dict(load_file(taught.folder / "cell" / "weights" / "seed~0.safetensors"))
    assert evaluate(model, again.feed) == {part: row[part] for part in ("train", "valid", "test")}


def test_weights_can_be_left_out(taught):
    """On ogbn-mag a student's embeddings would fill the disk."""
    (row,) = taught.distill(cell("kd"), seeds=(0,), name="light", keep_weights=False)
    assert row["status"] == "ok"
    assert not (taught.folder / "light" / "weights").exists()


def interrupt(taught, monkeypatch):
    """Stops a cell of kd between its seeds 0 and 1."""
    real = Block._distill

    def interrupted(self, seed, *others):
        if seed == 1:
            raise KeyboardInterrupt
        return real(self, seed, *others)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Block, "_distill", interrupted)
        taught.distill(cell("kd"), seeds=(0, 1))


def count_trainings(monkeypatch):
    """A list that gets the seeds which are trained from now on."""
    trained = []
    real = Block._distill
    monkeypatch.setattr(Block, "_distill", lambda self, seed, *more: (trained.append(seed), real(self, seed, *more))[1])
    return trained


def test_interrupted_block_goes_on_where_it_stopped(taught, monkeypatch):
    whole = taught.distill(cell("kd"), seeds=(0, 1), name="whole")
    interrupt(taught, monkeypatch)
    assert not list((taught.folder / "cell").glob("seeds~*"))
    trained = count_trainings(monkeypatch)
    rows = taught.distill(cell("kd"), seeds=(0, 1))
    assert trained == [1]
    assert numbers(rows) == numbers(whole)


def test_another_spec_takes_nothing_over(taught, monkeypatch):
    interrupt(taught, monkeypatch)
    assert list((taught.folder / "cell" / "trainings").glob("*.json"))
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


def test_a_training_goes_on_from_its_checkpoint(taught, monkeypatch):
    """The process ends in the middle of the second seed; what is left of it is not trained from the start."""
    whole = taught.distill(cell("gcrd"), name="whole")
    monkeypatch.setattr(blocks, "CHECKPOINT_SECONDS", 0.0)
    real, told = Block._progress, []

    class Stop:
        def __init__(self, progress, seed, last):
            self.progress, self.seed, self.last = progress, seed, last

        def __call__(self, epoch, score):
            told.append((self.seed, epoch))
            if (self.seed, epoch) == (1, self.last):
                raise KeyboardInterrupt
            self.progress(epoch, score)

    monkeypatch.setattr(Block, "_progress", lambda self, seed, method: Stop(real(self, seed, method), seed, 5))
    with pytest.raises(KeyboardInterrupt):
        taught.distill(cell("gcrd"))
    records = Records(taught.folder / "cell")
    assert records.checkpoint(1).exists() and not records.checkpoint(0).exists()
    told.clear()
    monkeypatch.setattr(Block, "_progress", lambda self, seed, method: Stop(real(self, seed, method), seed, 99))
    assert numbers(taught.distill(cell("gcrd"))) == numbers(whole)
    assert told[0] == (1, 5)
    assert not records.checkpoint(1).exists()
    one, two = (load_file(taught.folder / name / "weights" / "seed~1.safetensors") for name in ("whole", "cell"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_larger_block_takes_over_a_smaller_one(taught, monkeypatch):
    """Three seeds, then ten: the three are not trained again."""
    taught.teach(seeds=(0, 1, 2))
    small = taught.distill(cell("kd"), seeds=(0, 1))
    trained = count_trainings(monkeypatch)
    large = taught.distill(cell("kd"), seeds=(0, 1, 2))
    assert trained == [2]
    assert large[:2] == small


def test_the_marker_of_a_block_tells_its_records(taught):
    """Snakemake compares contents: what is trained anew must not pass for what was there."""
    records = Records(taught.folder / "cell")
    taught.distill(cell("kd"))
    first = records.marker("0-1").read_text()
    taught.distill(cell("kd"))
    assert records.marker("0-1").read_text() == first, "taken over, and yet another content"
    records.forget(1)
    taught.distill(cell("kd"))
    assert records.marker("0-1").read_text() != first


def test_a_damaged_record_is_trained_anew(taught, monkeypatch, capsys):
    before = taught.distill(cell("kd"), seeds=(0, 1))
    file = Records(taught.folder / "cell").file(1)
    file.write_bytes(file.read_bytes()[:100])
    trained = count_trainings(monkeypatch)
    assert numbers(taught.distill(cell("kd"), seeds=(0, 1))) == numbers(before)
    assert trained == [1]
    assert "seed~1.json" in capsys.readouterr().err


def test_an_edited_record_of_a_teacher_teaches_nobody(taught):
    file = taught.teacher.file(0)
    file.write_text(file.read_text().replace('"test": 0.', '"test": 0.9'))
    with pytest.raises(UserError, match=r"seed~0\.json: is not as its training has left it; .*: abkd-bench retry"):
        taught.distill(cell("kd"), seeds=(0,))


def test_other_data_train_anew(taught, tiny_task, monkeypatch, capsys):
    taught.distill(cell("supervised"), seeds=(0,))
    arrays = {**tiny_task.arrays, "features": tiny_task.arrays["features"] + 1}
    type(tiny_task)(**{**tiny_task.__dict__, "arrays": arrays}).finish().save(taught.folder / "task")
    taught.teach(seeds=(0,))
    trained = count_trainings(monkeypatch)
    taught.distill(cell("supervised"), seeds=(0,))
    assert trained == [0]
    assert "rests on another data" in capsys.readouterr().err


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


def results(name: str, cell: str = "kd") -> str:
    """Where a configuration of this name keeps a cell."""
    return f"results/{name}/cells/tiny/gcn-3x12/gcn-2x4/{cell}/0123456789ab"


def test_another_configuration_has_trained_it_already(taught, monkeypatch, capsys):
    """Seeds 0 and 1 are taken over with their networks, seed 2 is trained; all as if trained here."""
    taught.teach(seeds=(0, 1, 2))
    alone = taught.distill(cell("kd"), seeds=(0, 1, 2), name="alone")
    before = taught.distill(cell("kd"), seeds=(0, 1), name=results("first"))
    trained = count_trainings(monkeypatch)
    rows = taught.distill(cell("kd"), seeds=(0, 1, 2), name=results("second"))
    assert trained == [2]
    assert numbers(rows) == numbers(alone)
    assert rows[:2] == before
    assert "results/first" in capsys.readouterr().err
    first, second = (Records(taught.folder / results(name)) for name in ("first", "second"))
    assert first.weights(1).read_bytes() == second.weights(1).read_bytes()


@pytest.mark.parametrize("other", ["spec", "teacher", "failed", "damaged", "edited"])
def test_what_another_configuration_has_trained_otherwise_stays_there(other, taught, monkeypatch):
    taught.distill(cell("kd"), seeds=(0,), name=results("first"))
    first, now = Records(taught.folder / results("first")), cell("kd")
    record = first.read(0)
    if other == "spec":
        now = cell("kd", hyperparameters={"alpha": 0.5})
    elif other == "teacher":
        taught.teach(spec=taught_otherwise(learning_rate=0.02))
    elif other == "failed":
        row = record.row.model_copy(update={"status": Status.OOM, "valid": None, "test": None, "train": None})
        first.write(record.model_copy(update={"row": row}))
    else:
        file = first.file(0)
        file.write_text("{" if other == "damaged" else file.read_text().replace('"test": 0.', '"test": 0.9'))
    trained = count_trainings(monkeypatch)
    taught.distill(now, seeds=(0,), name=results("second"))
    assert trained == [0]
