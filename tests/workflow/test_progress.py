"""What a run says of its progress: counts of records, and the time left by what trainings have taken."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from reports.rows import Status
from tests.reports import samples
from tests.workflow.samples import GOOD
from workflow.config import complete
from workflow.identity import Basis
from workflow.progress import Progress, watch
from workflow.run import Run
from workflow.training.records import Record, Records

BEGAN = 1_000_000.0


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    """Two seeds of one teacher and three cells, in blocks of two."""
    monkeypatch.chdir(tmp_path)
    found = Run(complete({**GOOD, "seeds": 2}, "x.yaml"), "x.yaml")
    for key in list(found.plan.cells)[3:]:
        del found.plan.cells[key]
    for key in list(found.plan.teachers)[1:]:
        del found.plan.teachers[key]
    return found


def train(run: Run, key: str, seed: int, seconds: float, at: float = BEGAN + 1, status: Status = Status.OK) -> None:
    """Leaves a record, written at a time."""
    records = Records(Path(run.folder(key)))
    row = samples.row(seed=seed, seconds=seconds, status=status)
    records.write(Record(basis=Basis(training="t", data="d", teacher="", device="cpu"), row=row))
    os.utime(records.file(seed), (at, at))


def test_the_time_left_rests_on_what_trainings_have_taken(run):
    (teacher,), (first, second, third) = run.plan.teachers, run.plan.cells
    progress = Progress(run, BEGAN)
    assert progress.line(BEGAN + 5) == "trainings: 0 of 8 done"
    train(run, teacher, 0, seconds=30)
    train(run, teacher, 1, seconds=50)
    assert progress.line(BEGAN + 40) == "trainings: 2 of 8 done", "nothing is known of a cell yet"
    train(run, first, 0, seconds=10)
    train(run, first, 1, seconds=10)
    # 100 s of training in 50 s: two at once. Four cells as long as those that have ended.
    assert progress.line(BEGAN + 50) == "trainings: 4 of 8 done, about 20 s left"
    train(run, second, 0, seconds=40, status=Status.DIVERGED)
    # 140 s in 70 s. The other seed of the second takes 40, those of the third (10 + 10 + 40) / 3 each.
    assert progress.line(BEGAN + 70) == "trainings: 5 of 8 done (1 without a score), about 40 s left"
    train(run, second, 1, 1)
    train(run, third, 0, 1)
    train(run, third, 1, 1)
    assert progress.line(BEGAN + 80) == "trainings: 8 of 8 done (1 without a score)"


def test_what_was_done_before_counts_and_has_no_speed(run):
    first, second, _ = run.plan.cells
    train(run, first, 0, seconds=1, at=BEGAN - 9)
    train(run, second, 0, seconds=1, at=BEGAN - 9)
    (block,) = run.blocks(first)
    Records(Path(run.folder(first))).marker(block).write_text("{}")
    progress = Progress(run, BEGAN)
    assert (progress.done, progress.total) == (2, 8)
    assert progress.line(BEGAN + 5) == "trainings: 2 of 8 done", "the second's record may be of other data"
    Records(Path(run.folder(second))).marker(block).write_text("{}")
    assert progress.line(BEGAN + 5) == "trainings: 4 of 8 done"


def test_a_cell_that_is_asked_for_alone_counts_with_its_teacher_alone(run):
    assert Progress(run, BEGAN, run.markers(next(iter(run.plan.cells)))).total == 4
    assert Progress(run, BEGAN, ["all"]).total == Progress(run, BEGAN).total == 8


def test_a_line_is_told_whenever_there_is_progress_and_none_after_the_end(run, monkeypatch):
    monkeypatch.setattr("workflow.progress.FIRST_SECONDS", 0.01)
    told: list[str] = []
    ended = threading.Event()
    watch(run, ended, say=told.append)
    train(run, next(iter(run.plan.cells)), 0, seconds=3, at=time.time() + 60)
    deadline = time.monotonic() + 20
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    ended.set()
    assert [line.partition(" done")[0] for line in told] == ["trainings: 1 of 8"]
