"""Raw files of exactly the official sizes of ogbn-arxiv and ogbn-mag through the steps of the project.

More than an hour, 16 GiB of memory and 12 GiB of disk: not among the parts that run when none is named.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import methods
from tests.benchmarks import jobs, process
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, judge, say
from tests.workflow.datasets import ogb_layout
from workflow import config, plan
from workflow.specs import CellSpec, TeacherSpec, TrainingSettings

CONFIG = process.ROOT / "config" / "paper.yaml"
STEPS = "workflow.steps"
LIMITS = {"ogbn-arxiv": (180, 6 * 2**10), "ogbn-mag": (480, 14 * 2**10)}
"""Seconds and MiB that the preparation may take."""
LONG = True
"""Runs only where it is named."""
LARGEST_MIB = 16 * 2**10
QUICK_METHODS = 1
PREPARED_ABOUT = (
    "Preparation of made-up raw files in OGB's layout, of exactly the official numbers of nodes, edges, features and "
    "classes: `python -m workflow.steps.prepare`, from gzipped text to the prepared task."
)
TRAINED_ABOUT = (
    "One epoch with its evaluation of config/paper.yaml's teacher (and its knowledge of all nodes), and of its first "
    "student under every method that there is, with the configuration's hyperparameters where it names the method and "
    "the defaults where it does not. epoch_s is the training's time in its row, job_s that of the whole "
    "process, peak_mib the process's peak memory."
)


def run(settings: Settings) -> list[Table]:
    prepared: list[Row] = []
    trained: list[Row] = []
    settings.folder.mkdir(parents=True, exist_ok=True)
    # Beside the answers: a system's own temporary folder is often too small.
    with tempfile.TemporaryDirectory(dir=settings.folder) as scratch:
        for dataset in ("ogbn-arxiv",) if settings.quick else LIMITS:
            folder = Path(scratch) / dataset
            prepared.append(prepare(dataset, folder, settings))
            trained += train(dataset, folder, settings)
    return [Table(PREPARED_ABOUT, prepared), Table(TRAINED_ABOUT, trained)]


def prepare(dataset: str, folder: Path, settings: Settings) -> Row:
    if dataset == "ogbn-mag":
        sizes: dict[str, Any] = ogb_layout.MAG
        ogb_layout.write_mag(folder / "raw", **sizes)
    else:
        sizes = dict(ogb_layout.ARXIV)
        sizes |= {name: settings.sized(sizes[name], 10) for name in ("nodes", "edges")}
        ogb_layout.write_node(folder / "raw", dataset, **sizes)
    given = json.dumps({"ogb_root": str(folder / "raw")})
    seconds, peak = process.measured(f"{STEPS}.prepare", dataset, str(folder / "task"), "--settings", given)
    limits = LIMITS[dataset]
    row = judge(
        {"dataset": dataset, "seconds": seconds, "peak_mib": peak},
        seconds=f"<= {limits[0]}",
        peak_mib=f"<= {limits[1]}",
    )
    say("scale", row)
    return row


def train(dataset: str, folder: Path, settings: Settings) -> list[Row]:
    planned = plan.build(config.load(CONFIG), CONFIG.name)
    teacher = next(spec for spec in planned.teachers.values() if spec.dataset == dataset)
    known = [spec for spec in planned.cells.values() if spec.dataset == dataset]
    cells = {spec.method: spec for spec in known if spec.student == known[0].student}
    plain = cells["supervised"].model_copy(update={"hyperparameters": {}})
    for name in () if settings.quick else methods.available():
        cells.setdefault(name, plain.model_copy(update={"method": name, "method_id": name}))
    rows = [one(teacher, folder, settings)]
    chosen = list(cells.values())[: QUICK_METHODS if settings.quick else None]
    place = jobs.folder_of(short(teacher), folder / "teacher", settings.threads)
    return rows + [one(spec, folder, settings, place) for spec in chosen if rows[0]["status"] == "ok"]


def short(spec: TeacherSpec | CellSpec) -> TeacherSpec | CellSpec:
    """The same training of one epoch."""
    return spec.model_copy(update={"training": spec.training.changed(TrainingSettings(epochs=1))})


def one(spec: TeacherSpec | CellSpec, folder: Path, settings: Settings, teacher: Path | None = None) -> Row:
    """A training of one epoch by its step, in a process of its own."""
    spec = short(spec)
    method = spec.method if isinstance(spec, CellSpec) else "teacher"
    options = jobs.arguments(spec, folder / "task", folder / method, "0-0", settings.threads, teacher)
    seconds, peak = process.measured(jobs.TRAIN, *options, *(["--forget-weights"] if teacher else []))
    (record,) = jobs.records(jobs.folder_of(spec, folder / method, settings.threads))
    found = record.row
    row: Row = {
        "dataset": spec.dataset,
        "network": spec.student if isinstance(spec, CellSpec) else spec.teacher,
        "method": method,
        "status": found.status,
        "epoch_s": found.seconds,
        "job_s": seconds,
        "peak_mib": peak,
        "note": found.reason,
    }
    row = judge(row, peak_mib=f"<= {LARGEST_MIB}")
    say("scale", row)
    return row
