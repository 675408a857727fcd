"""Whole jobs as on a GPU: a teacher, a student of it, and the measurement, of every network."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

import methods
from reports.rows import Role
from tests.accelerator.test_steps import networks
from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.training.jobs import train
from tests.workflow.training.trainings import ALL, KINDS
from workflow.specs import MeasuredNetwork, TrainingSettings
from workflow.training import block as blocks
from workflow.training import loop, measuring
from workflow.training.progress import Progress
from workflow.training.records import Records

EPOCHS = 1


@pytest.mark.parametrize(("kind", "name"), networks(KINDS))
def test_teach_distill_and_measure(kind, name, gpu, tiny_tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "WARM_SECONDS", 0.01)
    monkeypatch.setattr(measuring, "REPEATS", 2)
    known, task = KINDS[kind], KINDS[kind].task()
    task.save(tmp_path / "task")
    settings = known.settings.changed(TrainingSettings(epochs=EPOCHS))
    student = {"model": name, "layers": 2, "width": 8}
    teacher = teacher_spec(task.name, "teacher", {**student, "layers": 3}, settings, 1)
    (taught,) = train(teacher, tmp_path, "teacher", [0], device="cuda")
    assert (taught.row.status, taught.row.reason, taught.row.device) == ("ok", "", "Pretend GPU")
    cell = cell_spec(teacher, "student", student, "kd", 1, distill_on="all")
    (found,) = train(cell, tmp_path, "cell", [0], device="cuda")
    assert (found.row.status, found.row.reason) == ("ok", "")
    assert found.row.agreement is not None
    network = MeasuredNetwork(name=name, role=Role.STUDENT, ratio_target=None, model=student)
    (row,) = measuring.measure([network], tmp_path / "task", measuring.devices.choose("cuda", 1))
    assert (row.status, row.reason) == ("ok", "")
    assert row.macs > 0


def test_lost_knowledge_is_made_again_on_the_gpu(gpu, tiny_tasks, tmp_path):
    known, task = KINDS["graph"], KINDS["graph"].task()
    task.save(tmp_path / "task")
    teacher = teacher_spec(task.name, "teacher", known.network, known.settings.changed(TrainingSettings(epochs=1)), 1)
    train(teacher, tmp_path, "teacher", [0], device="cuda")
    Records(tmp_path / "teacher").knowledge(0).unlink()
    (found,) = train(cell_spec(teacher, "s", known.network, "kd", 1), tmp_path, "cell", [0], device="cuda")
    assert (found.row.status, found.row.reason) == ("ok", "")
    assert Records(tmp_path / "teacher").knowledge(0).exists()


@pytest.mark.parametrize("kind", ["node", "neighbour", "graph", "full", "saint"])
@pytest.mark.parametrize("method", sorted(m for m in methods.available() if methods.teacher_extras(m)))
def test_what_a_teacher_is_asked_for_beside_its_signals(method, kind, gpu, tiny_tasks, tmp_path):
    known, task = KINDS[kind], KINDS[kind].task()
    task.save(tmp_path / "task")
    settings = known.settings.changed(TrainingSettings(epochs=EPOCHS))
    teacher = teacher_spec(task.name, "teacher", known.network, settings, 1)
    train(teacher, tmp_path, "teacher", [0], device="cuda")
    cell = cell_spec(teacher, "student", known.network, method, 1, distill_on="all")
    (found,) = train(cell, tmp_path, "cell", [0], device="cuda")
    assert found.row.status in ("ok", "skipped"), found.row.reason


@pytest.mark.parametrize("kind", ["node", "graph", "full", "saint", "node, binary"])
def test_an_evaluation_waits_once(kind, gpu, tiny_tasks, tmp_path, monkeypatch):
    """And an epoch besides it not at all. A graph answered for in parts comes to the host."""
    judged, seen = loop._judged, []

    def watched(*arguments):
        with gpu.watched() as during:
            result = judged(*arguments)
        seen.append(during)
        return result

    monkeypatch.setattr(loop, "_judged", watched)
    known, task = ALL[kind], ALL[kind].task()
    task.save(tmp_path / "task")
    settings = known.settings.changed(TrainingSettings(epochs=4))
    train(teacher_spec(task.name, "teacher", known.network, settings, 1), tmp_path, "teacher", [0], device="cuda")
    assert len(seen) == 4
    assert Counter(dict(seen[-1].waits)).total() <= 1, seen[-1].waits


def test_the_flags_of_a_job_are_set(gpu):
    assert loop.torch.cuda.is_available()
    assert measuring.devices.choose("auto", 1) == torch.device("cuda")


@pytest.mark.parametrize("kind", ["node", "saint"])
def test_an_interrupted_training_goes_on_bit_for_bit(kind, gpu, tiny_tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "CHECKPOINT_SECONDS", 0)
    known, task = KINDS[kind], KINDS[kind].task()
    task.save(tmp_path / "task")
    spec = teacher_spec(task.name, "teacher", known.network, known.settings.changed(TrainingSettings(epochs=4)), 1)
    (whole,) = train(spec, tmp_path, "whole", [0], device="cuda")
    told, interrupted = Progress.__call__, []

    def interrupt(progress, epoch, score):
        if epoch == 3 and not interrupted:
            interrupted.append(epoch)
            raise KeyboardInterrupt
        told(progress, epoch, score)

    monkeypatch.setattr(Progress, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path, "parts", [0], device="cuda")
    (parts,) = train(spec, tmp_path, "parts", [0], device="cuda")
    assert interrupted == [3]
    assert (parts.history.curve, parts.row.test, parts.knowledge) == (
        whole.history.curve,
        whole.row.test,
        whole.knowledge,
    )
