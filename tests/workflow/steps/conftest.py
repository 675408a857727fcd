"""A planned run on the tiny task, whose jobs run in this process, without Snakemake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from methods import plugins
from reports.rows import Measurement, Status
from workflow import choices, prepared
from workflow import plan as planning
from workflow.config import complete, parse_seeds
from workflow.files import read_json, write_text
from workflow.ledger import Measured
from workflow.run import Run
from workflow.specs import CellSpec, MeasuredNetwork
from workflow.steps.collect import collect
from workflow.steps.tune import choose
from workflow.training.block import Block, Place
from workflow.training.records import Record, Records
from workflow.variants import Variant

CONFIG: dict[str, Any] = {
    "title": "Tiny",
    "seeds": 3,
    "seeds_per_job": {"teach": 2, "distill": 2},
    "training": {"epochs": 4},
    "models": {"big": {"model": "gcn", "layers": 3, "width": 16}, "small": {"model": "gcn"}},
    "methods": {"supervised": None, "kd": None},
    "experiments": [{"dataset": "tiny", "teachers": ["big"], "students": [{"model": "small", "widths": [4]}]}],
}
TEACHER, FLOOR, KD = "tiny/big", "tiny/big/smallx4/supervised", "tiny/big/smallx4/kd"


class Tiny:
    """The run of a configuration in the current folder."""

    def __init__(self, **changes: Any) -> None:
        self.run = Run(complete({**CONFIG, **changes}, "config/tiny.yaml"), "config/tiny.yaml")

    def train(self, *keys: str) -> None:
        """All jobs, or those of some teachers and cells, in their order."""
        train(self.run, *keys)

    def tune(self) -> Path:
        """All trials, and the file of choices."""
        assert self.run.tuning
        train(self.run.tuning)
        choices.write(self.run.tuned_file, choose(self.run))
        return self.run.tuned_file

    def records(self, key: str) -> Records:
        return Records(Path(self.run.folder(key)))

    def rewrite(self, key: str, record: Record) -> None:
        """A record in place of another of its seed, as its job would leave it."""
        records, seed = self.records(key), record.row.seed
        records.write(record)
        for block in self.run.blocks(key):
            if seed in parse_seeds(block):
                records.finish(block, [found for each in parse_seeds(block) if (found := records.read(each))])

    def measure(self) -> None:
        """What the step `measure` would leave, where it is not there; nothing is timed."""
        for dataset in self.run.datasets:
            file = Path(self.run.measurement(dataset))
            rows = [measurement(dataset, network) for network in self.run.plan.networks(dataset)]
            if not file.exists():
                told = Measured(data=read_json(self.run.task(dataset))["fingerprint"], device="cpu", rows=rows)
                write_text(file, told.sealed().model_dump_json())

    def collect(self, unfinished: bool = False) -> pd.DataFrame:
        """The rows of the run."""
        if not unfinished:
            self.measure()
        collect(self.run, unfinished, "today")
        return pd.read_parquet(Path(self.run.results) / "runs.parquet")


def measurement(dataset: str, network: MeasuredNetwork, status: Status = Status.OK) -> Measurement:
    costs = dict.fromkeys(("macs", "latency_ms_median", "latency_ms_iqr", "peak_memory_mb"), 1)
    named = {"model": network.name, "role": network.role, "ratio_target": network.ratio_target}
    sizes = {"params": 1, "params_with_embeddings": 1}
    return Measurement(dataset=dataset, **named, **sizes, **costs, status=status, reason="")


def train(run: Run, *keys: str) -> None:
    """All jobs of a run, or those of some teachers and cells, in their order."""
    for key in (*run.plan.teachers, *run.plan.cells):
        if keys and key not in keys:
            continue
        spec = run.plan.spec(key)
        teacher = Path(run.folder(spec.taught_by)) if isinstance(spec, CellSpec) else None
        for block in run.blocks(key):
            task = Path(run.task(spec.dataset)).parent
            place = Place(task, Path(run.folder(key)), "cpu", teacher=teacher)
            Block(spec, place).run(block, parse_seeds(block))


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test takes into use is out of use behind it."""
    monkeypatch.setenv(plugins.VARIABLE, "[]")


@pytest.fixture
def tiny(tmp_path, monkeypatch, tiny_task):
    """Makes such runs, in an empty folder with the prepared task."""

    def planned(*told):
        plan = planning.build(*told)
        file = tmp_path / "plan.json"
        write_text(file, plan.model_dump_json())
        return plan, file

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planning, "cached", planned)
    made = Tiny()
    for task in (tiny_task, Variant(blind=True).apply(tiny_task).finish()):
        prepared.save(task, Path(made.run.task(task.name)).parent, made.run.loader_code("tiny"))
    return Tiny
