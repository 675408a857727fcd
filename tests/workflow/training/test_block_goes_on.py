"""What a block goes on from, and what it does not: records, checkpoints, and trainings of other configurations."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from reports.rows import Status
from tests.workflow.training.conftest import cell, numbers, taught_otherwise
from workflow.errors import UserError
from workflow.training import block as blocks
from workflow.training.block import Block
from workflow.training.records import Records


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


def told_until(monkeypatch, last):
    """A list of (seed, epoch) from now on; the process ends at this epoch of the second seed."""
    monkeypatch.setattr(blocks, "CHECKPOINT_SECONDS", 0.0)
    real, told = Block._progress, []

    class Stop:
        def __init__(self, progress, seed):
            self.progress, self.seed = progress, seed

        def __call__(self, epoch, score):
            told.append((self.seed, epoch))
            if (self.seed, epoch) == (1, last):
                raise KeyboardInterrupt
            self.progress(epoch, score)

    monkeypatch.setattr(Block, "_progress", lambda self, seed, method: Stop(real(self, seed, method), seed))
    return told


def test_a_training_goes_on_from_its_checkpoint(taught, monkeypatch):
    """The process ends in the middle of the second seed; what is left of it is not trained from the start."""
    whole = taught.distill(cell("gcrd"), name="whole")
    with monkeypatch.context() as patch:
        told_until(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            taught.distill(cell("gcrd"))
    records = Records(taught.folder / "cell")
    assert records.checkpoint(1).exists() and not records.checkpoint(0).exists()
    told = told_until(monkeypatch, 99)
    assert numbers(taught.distill(cell("gcrd"))) == numbers(whole)
    assert told[0] == (1, 5)
    assert not records.checkpoint(1).exists()
    one, two = (load_file(taught.folder / name / "weights" / "seed~1.safetensors") for name in ("whole", "cell"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_checkpoint_under_another_teacher_is_not_gone_on_from(taught, monkeypatch):
    with monkeypatch.context() as patch:
        told_until(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            taught.distill(cell("kd"))
    assert Records(taught.folder / "cell").checkpoint(1).exists()
    taught.teach(spec=taught_otherwise(learning_rate=0.02))
    told = told_until(monkeypatch, 99)
    taught.distill(cell("kd"))
    assert next(epoch for seed, epoch in told if seed == 1) == 1


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
