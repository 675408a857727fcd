"""What goes wrong in a training becomes a row, and the next seed goes on."""

from __future__ import annotations

import errno
import math
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import methods
from baselines.kd import SoftTargets
from methods.contract import NotApplicableError, Signals
from reports.rows import FIDELITY
from tests.workflow.training.conftest import CPU, cell, numbers, settings, taught_otherwise
from workflow.errors import UserError
from workflow.training.block import Block
from workflow.training.feeds import choose
from workflow.training.knowledge import save_tensors
from workflow.training.records import Records
from workflow.training.seeds import Streams


@pytest.mark.parametrize("method", ["supervised", "abkd", "stride"])
def test_diverged_training_is_a_row(method, taught):
    """Also where the method leaves a trace, which then is not finite either."""
    spec = cell(method, training=settings(optimizer="sgd", learning_rate=1e30))
    (row,) = taught.distill(spec, seeds=(0,))
    assert row["status"] == "diverged"
    assert "epoch" in row["reason"]
    assert row["test"] is None


def test_a_teacher_that_fails_anew_leaves_nothing_of_the_old_one(taught):
    (first, _) = taught.teach(spec=taught_otherwise(optimizer="sgd", learning_rate=1e30))
    assert first["status"] == "diverged"
    assert not taught.teacher.weights(0).exists() and not taught.teacher.knowledge(0).exists()
    rows = taught.distill(cell("kd"))
    assert [row["status"] for row in rows] == ["failed", "failed"]
    assert "diverged" in rows[0]["reason"]


def test_local_structure_without_two_neighbours_is_skipped(taught, tiny_task):
    """Among the distilled nodes no node has two neighbours: the loss would be that of plain supervised training."""
    alone = np.zeros_like(tiny_task.arrays["pointers"])
    arrays = {**tiny_task.arrays, "pointers": alone, "sources": tiny_task.arrays["sources"][:0]}
    type(tiny_task)(**{**tiny_task.__dict__, "arrays": arrays}).finish().save(taught.folder / "task")
    taught.teach()
    (row,) = taught.distill(cell("lsp"), seeds=(0,))
    assert (row["status"], row["test"]) == ("skipped", None)
    feed = choose.create(tiny_task, CPU, "train")
    knowledge = Signals(torch.randn(60, 3), (torch.randn(60, 4),))
    batch = next(feed.steps(Streams(0, "student", CPU), knowledge))[0].batch
    batch.edge_index = torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(NotApplicableError, match="two neighbours"):
        rows = knowledge.at(slice(0, batch.rows))
        methods.create("lsp", teacher=knowledge.shape, student=knowledge.shape)(rows, rows, batch)


def test_failing_method_is_a_row_and_the_next_seed_goes_on(taught, monkeypatch):
    real = Block._method

    def broken(self, streams, *told):
        if streams.seed == 0:
            raise RuntimeError("no such\nthing")
        return real(self, streams, *told)

    monkeypatch.setattr(Block, "_method", broken)
    first, second = taught.distill(cell("kd"))
    assert (first["status"], first["reason"]) == ("failed", "RuntimeError: no such thing")
    assert second["status"] == "ok"


def test_out_of_memory_is_a_row(taught, monkeypatch):
    def greedy(*_):
        raise torch.OutOfMemoryError("too much")

    monkeypatch.setattr(Block, "_method", greedy)
    (row,) = taught.distill(cell("kd"), seeds=(0,))
    assert row["status"] == "oom"


def test_skipped_method_is_a_row(taught):
    spec = cell("fitnet", model={"model": "mlp", "layers": 1})
    (row,) = taught.distill(spec, seeds=(0,))
    assert row["status"] == "skipped"
    assert "hidden layer" in row["reason"]


def test_students_of_a_diverged_teacher_are_rows(bench):
    rows = bench.teach(seeds=(0,), spec=taught_otherwise(optimizer="sgd", learning_rate=1e30))
    assert rows[0]["status"] == "diverged"
    (row,) = bench.distill(cell("kd"), seeds=(0,))
    assert row["status"] == "failed"
    assert "the teacher of seed 0: diverged" in row["reason"]


def test_the_floor_needs_no_teacher(taught):
    """Nor does what it draws depend on whether there is one."""
    before = taught.distill(cell("supervised"), seeds=(0,), name="before")
    taught.teach(seeds=(0,), spec=taught_otherwise(optimizer="sgd", learning_rate=1e30))
    after = taught.distill(cell("supervised"), seeds=(0,), name="after")
    alone = taught.distill(cell("supervised"), seeds=(0,), name="alone", teacher=None)
    assert before[0]["status"] == "ok"
    assert numbers(before) == numbers(after) == numbers(alone)


def test_a_student_without_its_teacher_is_an_error(bench):
    with pytest.raises(UserError, match="the teacher of seed 0 has no record"):
        bench.distill(cell("kd"), seeds=(0,))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EROFS, "Read-only")])
def test_a_full_disk_is_no_result(taught, monkeypatch, error):
    """What passes with the moment must not stand as a failed row."""

    def full(*_):
        raise error

    monkeypatch.setattr(Block, "_method", full)
    with pytest.raises(UserError, match=r"No space left|Read-only"):
        taught.distill(cell("kd"), seeds=(0,))
    assert not list((taught.folder / "cell" / "trainings").glob("*.json"))


@pytest.mark.parametrize("hang", ["sleep", "loop"])
def test_a_training_that_hangs_is_a_row_and_the_next_seed_goes_on(taught, monkeypatch, hang):
    real = Block._method

    def hangs(self, streams, *told):
        while streams.seed == 0:
            with suppress(Exception):
                time.sleep(60 if hang == "sleep" else 0)
        return real(self, streams, *told)

    monkeypatch.setattr(Block, "_method", hangs)
    first, second = taught.distill(cell("kd"), time_limit=1.5)
    assert (first["status"], first["reason"]) == ("failed", "took longer than 1.5 s")
    assert second["status"] == "ok"


def killed(monkeypatch, taught, times: int, method: str = "kd", seeds=(0, 1)):
    """A job whose process is killed so often in its seed 0, each time begun again as `workflow.job` does."""
    real, dead = Block._method, KeyboardInterrupt()  # what no training catches, as a killed process leaves nothing

    def die(self, streams, *told):
        if streams.seed == 0 and times > len(deaths):
            deaths.append(streams.seed)
            raise dead
        return real(self, streams, *told)

    deaths: list[int] = []
    monkeypatch.setattr(Block, "_method", die)
    for _ in range(times):
        with suppress(KeyboardInterrupt):
            return taught.distill(cell(method), seeds=seeds)
        monkeypatch.setenv("ABKD_KILLED", "SIGKILL")
    return taught.distill(cell(method), seeds=seeds)


def test_a_killed_training_is_begun_again(taught, monkeypatch):
    whole = taught.distill(cell("kd"), name="whole")
    assert numbers(killed(monkeypatch, taught, 2)) == numbers(whole)


def test_what_is_killed_every_time_is_a_row_and_the_next_seed_goes_on(taught, monkeypatch):
    first, second = killed(monkeypatch, taught, 3)
    assert (first["status"], first["reason"]) == ("failed", "killed, signal 9 (SIGKILL): out of memory?")
    assert second["status"] == "ok"


def test_kills_of_earlier_runs_do_not_count(taught, monkeypatch):
    """Who stops a run by force three times in one training has said nothing of that training."""
    records = Records(taught.folder / "cell")
    for _ in range(5):
        assert records.begin(0, killed=False) == 0
    assert [records.begin(0, killed=True) for _ in range(3)] == [1, 2, 3]
    assert records.begin(0, killed=False) == 0


def test_tied_weights_are_saved(tmp_path):
    shared = torch.randn(3, 4)
    save_tensors(tmp_path / "a.safetensors", {"one": shared, "two": shared, "part": shared[1:]}, {})
    found = load_file(tmp_path / "a.safetensors")
    assert torch.equal(found["one"], shared) and torch.equal(found["two"], shared)
    assert torch.equal(found["part"], shared[1:])


def test_every_student_is_compared_with_its_teacher(taught):
    """The floor, too, though it learns nothing from it; a teacher is compared with nobody."""
    kd, floor = (taught.distill(cell(method), seeds=(0,), name=method)[0] for method in ("kd", "supervised"))
    for row in (kd, floor):
        assert 0 < row["agreement"] <= 1 and row["kl_to_teacher"] > 0 and 0 < row["cka"] <= 1
    assert kd["kl_to_teacher"] != floor["kl_to_teacher"]
    (teacher,) = taught.teach(seeds=(0,))
    assert teacher["agreement"] is teacher["kl_to_teacher"] is teacher["cka"] is None
    for row in (kd, floor, teacher):
        assert row["nll"] > 0 and 0 <= row["ece"] <= 1 and row["worst_class"] <= row["test"]


def test_a_teacher_taught_anew_has_the_floor_compared_anew(taught):
    (before,) = taught.distill(cell("supervised"), seeds=(0,))
    taught.teach(spec=taught_otherwise(learning_rate=0.02))
    (after,) = taught.distill(cell("supervised"), seeds=(0,))
    assert numbers([before]) == numbers([after])
    assert before["kl_to_teacher"] != after["kl_to_teacher"]


def test_a_floor_without_a_teacher_is_compared_with_nobody(taught):
    taught.teach(seeds=(0,), spec=taught_otherwise(optimizer="sgd", learning_rate=1e30))
    (row,) = taught.distill(cell("supervised"), seeds=(0,))
    assert row["status"] == "ok" and row["nll"] > 0
    assert row["agreement"] is row["kl_to_teacher"] is row["cka"] is None


def test_a_diverged_training_has_no_fidelity(taught):
    (row,) = taught.distill(cell("kd", training=settings(optimizer="sgd", learning_rate=1e30)), seeds=(0,))
    assert {row[name] for name in FIDELITY} == {None}


def test_a_loss_that_is_not_finite_names_its_term_and_epoch(taught, monkeypatch):
    """The first one: what follows from it is nan everywhere."""
    real = methods.load("kd").forward
    calls = []

    def breaks(self, *arguments):
        calls.append(arguments)
        terms = real(self, *arguments)
        return {**terms, "alignment": terms["kd"] * (math.inf if len(calls) == 3 else 1)}

    monkeypatch.setattr(methods.load("kd"), "forward", breaks)
    (row,) = taught.distill(cell("kd", training=settings(epochs=20, evaluate_every=5)), seeds=(0,))
    assert row["status"] == "diverged"
    assert row["reason"] == "loss nan: term `alignment` inf at epoch 3"


def test_a_term_named_as_the_supervised_one_is_told(taught, monkeypatch):
    monkeypatch.setattr(methods.load("kd"), "forward", lambda self, student, *_: {"labels": student.logits.sum()})
    (row,) = taught.distill(cell("kd"), seeds=(0,))
    assert row["status"] == "failed"
    assert "term 'labels' has the name of the supervised loss" in row["reason"]


def test_code_from_elsewhere_that_a_training_imports_is_told_and_leaves_no_record(taught, tmp_path, monkeypatch):
    (tmp_path / "mylab_loss.py").write_text("W = 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def late(self, *_):
        import mylab_loss

        return {"late": mylab_loss.W}

    monkeypatch.setattr(SoftTargets, "forward", late)
    with pytest.raises(UserError, match="/kd: imports mylab_loss "):
        taught.distill(cell("kd"))
    assert not list((taught.folder / "cell").glob("trainings/*.json"))
    sys.modules.pop("mylab_loss")
