"""Specs of a teacher and a cell on the tiny task, and a bench that trains them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.workflow.samples import cell_spec, teacher_spec
from tests.workflow.training.jobs import rows, train
from workflow.specs import CellSpec, TeacherSpec, TrainingSettings
from workflow.training.records import Records

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(epochs=8)
TEACHER = teacher_spec("tiny", "gcn-3x12", {"model": "gcn", "layers": 3, "width": 12}, SETTINGS, 300)
STUDENT = {"model": "gcn", "layers": 2, "width": 4, "dropout": 0.3}


def settings(**changes: Any) -> TrainingSettings:
    """SETTINGS with changes."""
    return SETTINGS.changed(TrainingSettings(**changes))


def taught_otherwise(**changes: Any) -> TeacherSpec:
    """TEACHER with changes of its training."""
    return TEACHER.model_copy(update={"training": settings(**changes)})


def cell(method: str, **changes: Any) -> CellSpec:
    """A student of TEACHER by a method."""
    return cell_spec(TEACHER, "gcn-2x4", changes.pop("model", STUDENT), method, 60, **{"ratio_target": 5.0, **changes})


class Bench:
    """Runs blocks on the tiny task inside a temporary folder."""

    def __init__(self, folder: Path, task) -> None:
        self.folder = folder
        task.save(folder / "task")
        self.teacher = Records(folder / "teacher")

    def teach(self, seeds=(0, 1), spec=TEACHER):
        return rows(train(spec, self.folder, "teacher", seeds))

    def distill(self, spec, seeds=(0, 1), name="cell", **changes):
        return rows(train(spec, self.folder, name, seeds, **changes))


@pytest.fixture
def bench(tmp_path, tiny_task):
    return Bench(tmp_path, tiny_task)


@pytest.fixture
def taught(bench):
    bench.teach()
    return bench


NUMBERS = ("train", "valid", "test", "nll", "ece", "best_epoch", "epochs", "status")
"""nll and ece among them: many of these short trainings have the same accuracies."""


def numbers(rows):
    return [{key: row[key] for key in NUMBERS} for row in rows]
