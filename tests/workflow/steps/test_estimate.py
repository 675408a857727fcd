"""What a run will take: counted from the plan, scaled from few measurements."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.workflow.samples import GOOD, change
from workflow.config import complete
from workflow.errors import UserError
from workflow.run import Run
from workflow.specs import TeacherSpec
from workflow.stated import GraphSize
from workflow.steps import estimate
from workflow.steps.costs import Cost, Spec, costs
from workflow.steps.estimate import Estimate, Extrapolating

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


def never(dataset: str, size: GraphSize) -> Extrapolating:
    raise AssertionError(f"{dataset} is measured itself")


class Extrapolated:
    """What it is asked for, and one cost for all."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def __call__(self, dataset: str, size: GraphSize) -> Extrapolated.One:
        self.asked.append((dataset, size.nodes))
        return self.One()

    class One:
        def __call__(self, spec: Spec) -> Cost:
            return Cost(10.0, 2.0, 1000, 300.0)

        def told(self) -> list[str]:
            return ["by hand"]


def test_few_measurements_say_what_every_training_takes(run: Run):
    measured = Measured()
    found = costs(list(run.plan.specs), measured)
    assert found.keys() == {*run.plan.teachers, *run.plan.cells}
    assert len(measured.asked) == 1 + 3 + 1, "a teacher, every method on one student, one method on the other"
    for spec in run.plan.specs:
        assert found[spec.key].seconds(spec) == pytest.approx(measured.true(spec).seconds(spec))


@pytest.mark.parametrize(("each", "trained"), [(0.1, [1, 5]), (3.0, [1, 2])])
def test_a_measurement_is_short_and_silent(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    each: float,
    trained: list[int],
):
    epochs = []

    def train(self: estimate.Calibration, spec: Spec, count: int) -> tuple[float, int, float]:
        print("epoch 1/1", file=sys.stderr)
        epochs.append(count)
        return 0.5 + each * count, 10, 200.0

    monkeypatch.setattr(estimate.Calibration, "_train", train)
    cost = estimate.Calibration(run, tmp_path)(next(iter(run.plan.specs)))
    assert (cost.start, cost.epoch) == (pytest.approx(0.5), pytest.approx(each))
    assert epochs == trained
    assert not capsys.readouterr().err


def test_sums_are_over_what_is_left(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(estimate, "prepared_task", lambda run, dataset: {"name": dataset})
    measured = Measured()
    (one,) = estimate.estimate(run, measured, never)
    assert capsys.readouterr().err == "measured 5 of 5 kinds of trainings on ace-sim-mini\n"
    assert one.trainings == 2 * (1 + 6), "two seeds of a teacher and six cells"
    expected = 2 * sum(measured.true(spec).seconds(spec) for spec in run.plan.specs)
    assert one.seconds == pytest.approx(expected)
    assert (one.disk, one.memory_mb) == (2 * (1000 + 6 * 10), 300)


def test_data_that_are_not_prepared_are_counted_and_not_timed(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    measured = Measured()
    found = estimate.estimate(run, measured, never)
    assert found == [Estimate("ace-sim-mini", 14, None)]
    assert not measured.asked
    assert estimate.told(run, found, 14, 2) == [
        "14 trainings of 1 teacher and 6 cells; 0 are done",
        "ace-sim-mini: 14 trainings; not timed before the data are prepared: "
        "snakemake data/tasks/ace-sim-mini/task.json --configfile x.yaml",
    ]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = change("experiments/0/dataset", "ogbn-products")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("sampled"))
        return Run(complete({**config, "training": {"sampler": "neighbour", "epochs": 5}}, "x.yaml"), "x.yaml")


def test_mini_batches_on_a_large_graph_need_its_size_alone(
    sampled: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    measured, extrapolated = Measured(), Extrapolated()
    (one,) = estimate.estimate(sampled, measured, extrapolated)
    assert (one.trainings, one.seconds, one.disk, one.memory_mb) == (14, 14 * 20.0, 14_000, 300)
    assert extrapolated.asked == [("ogbn-products", 2_449_029)]
    assert not measured.asked
    assert estimate.told(sampled, [one], 14, 1)[1:3] == [
        "ogbn-products: 14 trainings, 4.7 min one after the other",
        "  by hand",
    ]


def test_one_graph_stands_in_for_another(sampled: Run, run: Run):
    extrapolated = Extrapolated()
    one = estimate.stand_in(sampled, "ogbn-products=ogbn-papers100M", extrapolated)
    assert (one.dataset, one.trainings) == ("ogbn-products as ogbn-papers100M", 14)
    assert extrapolated.asked == [("ogbn-products", 111_059_956)]
    for which, names, message in (
        (sampled, "cora=ogbn-arxiv", "unknown dataset 'cora'; allowed: ogbn-products"),
        (sampled, "ogbn-products", "no size of '' is stated; allowed: ogbn-arxiv, ogbn-proteins, ogbn-products, "),
        (sampled, "ogbn-products=ogbn-proteins", "the labels of ogbn-products are classes, those of ogbn-proteins ta"),
        (run, "ace-sim-mini=ogbn-arxiv", "ace-sim-mini is not trained with `sampler: neighbour` throughout"),
    ):
        with pytest.raises(UserError, match=f"^--as {names}: {message}"):
            estimate.stand_in(which, names, extrapolated)


def test_the_answer_in_words(run: Run):
    lines = estimate.told(run, [Estimate("cora", 10, 7200.0, 2_500_000_000, 812.0), Estimate("pubmed", 0, 0.0)], 24, 2)
    assert lines == [
        "24 trainings of 1 teacher and 6 cells; 14 are done",
        "cora: 10 trainings, 2.0 h one after the other",
        "time: at most 60.0 min by 2 processes (early stops make it less)",
        "disk: 2.50 GB of weights and teachers' knowledge",
        "memory: up to 812 MiB a process",
    ]
