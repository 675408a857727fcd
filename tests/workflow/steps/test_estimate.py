"""What a run will take: counted from the plan, scaled from few measurements."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow.samples import GOOD
from workflow import prepared
from workflow.config import complete
from workflow.run import Run
from workflow.specs import TeacherSpec
from workflow.steps import estimate
from workflow.steps.estimate import Cost, Estimate, Spec

FACTORS = {"supervised": 1.0, "kd": 1.5, "gcrd-cold": 3.0}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(tmp_path_factory.mktemp("estimate"))
    made = Run(complete(GOOD, "x.yaml"), "x.yaml")
    monkeypatch.undo()
    return made


class Measured:
    """A machine on which an epoch takes what the student's size and the method's factor say."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def true(self, spec: Spec) -> Cost:
        if isinstance(spec, TeacherSpec):
            return Cost(2.0, 0.1, 1000, 300.0)
        return Cost(1.0, FACTORS[spec.method] * spec.student_params / 1e6, 10, 200.0)

    def __call__(self, spec: Spec) -> Cost:
        self.asked.append(spec.key)
        return self.true(spec)


def test_few_measurements_say_what_every_training_takes(run: Run):
    measured = Measured()
    found = estimate.costs(list(run.plan.specs), measured)
    assert found.keys() == {*run.plan.teachers, *run.plan.cells}
    assert len(measured.asked) == 1 + 3 + 1, "a teacher, every method on one student, one method on the other"
    for spec in run.plan.specs:
        assert found[spec.key].seconds(spec) == pytest.approx(measured.true(spec).seconds(spec))


def test_sums_are_over_what_is_left(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prepared, "is_by", lambda folder, code: True)
    measured = Measured()
    (one,) = estimate.estimate(run, measured)
    assert one.trainings == 2 * (1 + 6), "two seeds of a teacher and six cells"
    expected = 2 * sum(measured.true(spec).seconds(spec) for spec in run.plan.specs)
    assert one.seconds == pytest.approx(expected)
    assert (one.disk, one.memory_mb) == (2 * (1000 + 6 * 10), 300)


def test_data_that_are_not_prepared_are_counted_and_not_timed(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    measured = Measured()
    found = estimate.estimate(run, measured)
    assert found == [Estimate("ace-sim-mini", 14, None)]
    assert not measured.asked
    assert estimate.told(run, found, 14, 2) == [
        "14 trainings of 1 teachers and 6 cells; 0 are done",
        "ace-sim-mini: 14 trainings; not timed before the data are prepared: "
        "snakemake data/tasks/ace-sim-mini/task.json --configfile x.yaml",
    ]


def test_the_answer_in_words(run: Run):
    lines = estimate.told(run, [Estimate("cora", 10, 7200.0, 2_500_000_000, 812.0), Estimate("pubmed", 0, 0.0)], 24, 2)
    assert lines == [
        "24 trainings of 1 teachers and 6 cells; 14 are done",
        "cora: 10 trainings, 2.0 h one after the other",
        "time: at most 60.0 min by 2 processes (early stops make it less)",
        "disk: 2.50 GB of weights and teachers' knowledge",
        "memory: up to 812 MiB a process",
    ]
