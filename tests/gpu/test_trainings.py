"""Trainings on the GPU: the same twice, bit for bit; jobs; a run of the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import methods
from methods.contract import Signals
from methods.rehearsal import begun
from methods.vocabulary import Kind
from reports.rows import Role
from tests import checkouts
from tests.benchmarks import data
from tests.gpu.numbers import DEVICE
from tests.workflow.models.tiny_graph import networks
from tests.workflow.training.conftest import TEACHER, cell
from tests.workflow.training.jobs import rows, train
from tests.workflow.training.trainings import Training, assert_same
from workflow.models.model import create
from workflow.specs import MeasuredNetwork, TrainingSettings
from workflow.task import Task
from workflow.training import device as devices
from workflow.training.feeds import choose
from workflow.training.loop import fit
from workflow.training.measuring import measure
from workflow.training.seeds import Streams

NODES = 20_000
"""Enough for kernels that add up in an order of their own to show it."""
KINDS = [("node", None), ("node", "kd"), ("graph", "fitnet"), ("full", "gcrd"), ("saint", "abkd")]
KINDS += [("neighbour", "kd+lsp")]


@pytest.fixture(scope="module")
def large() -> Task:
    return data.arxiv_sized(NODES, features=32, classes=10)


@pytest.fixture(scope="module")
def teacher(large: Task) -> Signals:
    made = create({"model": "gcn", "layers": 3, "width": 48}, data.facts_of(large)).shape
    return data.signals(NODES, made)


def training(task: Task, spec: dict[str, Any], method_id: str | None, teacher: Signals | None) -> dict[str, Any]:
    feed, streams = choose.create(task, DEVICE, "all"), Streams(0, "student", DEVICE)
    method = None
    with streams.globally("network"):
        model = create(spec, data.facts_of(task)).to(DEVICE)
    if method_id and teacher:
        with streams.globally("heads"):
            method = methods.create(method_id, teacher=teacher.shape, student=model.shape)
            begun(method, feed.taught).to(DEVICE)
    outcome = fit(model, feed, streams, TrainingSettings(epochs=3), method, teacher if method else None)
    return {"outcome": outcome, "model": model.state_dict(), "heads": {}, "streams": streams.state()}


@pytest.mark.parametrize("name", networks("node"))
def test_a_network_trains_the_same_twice(name: str, large: Task) -> None:
    spec = {"model": name, "layers": 3, "width": 24, "dropout": 0.5}
    assert_same(training(large, spec, None, None), training(large, spec, None, None))


@pytest.mark.parametrize("method_id", [m for m in methods.available() if Kind.NODE in methods.load(m).kinds])
def test_a_method_trains_the_same_twice(method_id: str, large: Task, teacher: Signals) -> None:
    spec = {"model": "gcn", "layers": 2, "width": 16, "dropout": 0.5}
    first = training(large, spec, method_id, teacher)
    assert first["outcome"].status == "ok", first["outcome"].reason
    assert_same(first, training(large, spec, method_id, teacher))


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_every_kind_of_task_trains_the_same_twice(kind: str, method: str | None) -> None:
    once = Training(kind, method, device=DEVICE)
    assert_same(once.run(), once.run())


def test_jobs_teach_distil_and_measure(tmp_path: Path, tiny_task: Task) -> None:
    tiny_task.save(tmp_path / "task")
    taught = rows(train(TEACHER, tmp_path, "teacher", (0, 1), device="auto"))
    learned = rows(train(cell("abkd"), tmp_path, "cell", (0, 1), device="auto"))
    for row in (*taught, *learned):
        assert row["status"] == "ok", row["reason"]
        assert row["device"] == devices.describe(DEVICE)
        assert row["peak_memory_mb"] > 0
    network = MeasuredNetwork(name="gcn-3x12", role=Role.TEACHER, ratio_target=None, model=TEACHER.model)
    (measured,) = measure([network], tmp_path / "task", devices.choose("auto", 1))
    assert measured.status == "ok", measured.reason
    assert measured.latency_ms_median is not None
    assert measured.latency_ms_median > 0


@pytest.mark.parametrize("method", ["krd-noise", "kd+lsp"])
@pytest.mark.parametrize("distill_on", ["train", "all"])
def test_jobs_distil_on_drawn_neighbours(tmp_path: Path, tiny_task: Task, method: str, distill_on: str) -> None:
    """Features lie on the host there, and so does what a teacher is asked for beside its signals."""
    tiny_task.save(tmp_path / "task")
    drawn = TrainingSettings(sampler="neighbour", batch_size=12, fan_out=[4, 3], epochs=2)
    teacher = TEACHER.model_copy(update={"training": drawn})
    spec = cell(method).model_copy(update={"training": drawn, "distill_on": distill_on})
    for row in (
        *rows(train(teacher, tmp_path, "teacher", [0], device="auto")),
        *rows(train(spec, tmp_path, "cell", [0], device="auto")),
    ):
        assert row["status"] == "ok", row["reason"]
        assert row["device"] == devices.describe(DEVICE)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the same run on CPU is in tests/test_end_to_end.py")
def test_smoke_run_through_the_pipeline(tmp_path: Path) -> None:
    folder = checkouts.copy_code(tmp_path / "bench")
    four = ("--resources", "gpu_slots=4")
    answer = checkouts.call(
        folder, "snakemake", "--cores", "all", "--nocolor", "--configfile", "config/smoke.yaml", *four
    )
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    found = pd.read_parquet(folder / "results/smoke/runs.parquet")
    assert set(found["status"]) == {"ok"}
    assert set(found["device"]) == {devices.describe(DEVICE)}
    assert (folder / "results/smoke/index.html").exists()
