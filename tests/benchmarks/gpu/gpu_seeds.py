"""Seeds per minute on one GPU by the number of jobs beside each other, on a graph of quick.yaml's size."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks import data, process
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, say
from workflow.specs import CellSpec, TeacherSpec, TrainingSettings
from workflow.training.block import Block, Place

LONG = True
NODES, EPOCHS, SEEDS = 1500, 100, 4
JOBS = (1, 4, 8)
HEAD_START = 18.0
"""Seconds until every process has imported torch and warmed up."""

ABOUT = (
    f"Students of {EPOCHS} epochs by logit KD on a generated graph of {NODES} nodes, by the number of jobs that share "
    "the card; each job trains four seeds after a short training that warms it up."
)


def run(settings: Settings) -> list[Table]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        data.arxiv_sized(NODES).finish().save(Path(folder) / "task")
        _block(_teacher(), Path(folder), "teacher").run("0-3", list(range(SEEDS)))
        for jobs in JOBS if settings.isolated else (1,):
            start = time.time() + (HEAD_START if settings.isolated else 0)
            with ThreadPoolExecutor(jobs) as pool:
                ends = list(
                    pool.map(
                        lambda job, start=start, jobs=jobs: process.call(
                            settings, f"{__name__}:train", folder=folder, name=f"{jobs}-{job}", start=start
                        ),
                        range(jobs),
                    )
                )
            late = sum(end["late"] for end in ends)
            taken = max(end["ended"] for end in ends) - start
            rows.append({"jobs": jobs, "seeds_per_minute": 60 * jobs * SEEDS / taken, "late_s": late})
            say("gpu_seeds", rows[-1])
    return [Table(ABOUT, rows)]


def train(folder: str, name: str, start: float) -> dict[str, Any]:
    """Trains at a given time; says when it was ready and when it ended."""
    _block(_cell(2), Path(folder), f"warm-{name}").run("0-0", [0])
    late = max(0.0, time.time() - start)
    time.sleep(max(0.0, start - time.time()))
    _block(_cell(EPOCHS), Path(folder), f"cell-{name}").run("0-3", list(range(SEEDS)))
    return {"ended": time.time(), "late": late}


def _block(spec: TeacherSpec | CellSpec, folder: Path, name: str) -> Block:
    teacher = folder / "teacher" if isinstance(spec, CellSpec) else None
    return Block(spec, Place(task=folder / "task", output=folder / name, teacher=teacher))


def _teacher() -> TeacherSpec:
    from tests.workflow.samples import teacher_spec

    return teacher_spec("ogbn-arxiv", "gcn-3x64", {"model": "gcn", "layers": 3, "width": 64}, _epochs(20), 1)


def _cell(epochs: int) -> CellSpec:
    from tests.workflow.samples import cell_spec

    spec = {"model": "gcn", "layers": 2, "width": 16}
    return cell_spec(_teacher(), "gcn-2x16", spec, "kd", 1, training=_epochs(epochs), ratio_target=5.0)


def _epochs(number: int) -> TrainingSettings:
    return TrainingSettings(epochs=number, patience=0)
