"""A cell of the table, ten seeds of one student with logit KD, from a cold process to the rows on disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.benchmarks import data, jobs, process
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, judge, say, spread
from workflow import catalog
from workflow.models import sizes
from workflow.specs import CellSpec, TeacherSpec, TrainingSettings
from workflow.task import Task
from workflow.training.records import Records

SEEDS = 10
TEACHER = {"model": "gcn", "layers": 3, "width": 256}
CELLS = [("ace-sim", 16, 50, 2, ">= 20"), ("ogbn-arxiv", 256, 3, 1, ">= 10")]

ABOUT = (
    "A whole cell of the table: ten seeds of a 2-layer GCN with logit KD from a GCN 3x256, from a cold process to the "
    "rows on disk. The other side is ten cold processes of the loop that one writes with PyG, in which the teacher "
    "runs at every step. Start-up counts on both sides, the teacher's training on neither. The stated number of plain "
    "processes is timed and their mean taken ten times. ratio is the plain time over ours; cpu_ratio is the same of "
    "CPU seconds, which other load on the machine disturbs less."
)


def run(settings: Settings) -> list[Table]:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for dataset, width, epochs, plain_runs, wanted in CELLS[: 1 if settings.quick else None]:
            folder = Path(scratch) / dataset
            task = prepared(dataset, folder, settings)
            sizes_of_run = (2, 1) if settings.quick else (epochs, plain_runs)
            row = compare(folder, task, dataset, width, *sizes_of_run, settings.threads)
            rows.append(judge(row, ratio=wanted))
            say("cells", rows[-1])
    return [Table(ABOUT, rows)]


def prepared(dataset: str, folder: Path, settings: Settings) -> Path:
    """The folder of a prepared task: real where it is embedded; generated, of ogbn-arxiv's shape, otherwise.

    A quick look generates all of them.
    """
    facts = catalog.facts(dataset)
    if facts.embedded and not settings.quick:
        place = process.ROOT / "data" / "tasks" / dataset
        if not (place / "task.json").exists():
            place = folder / "task"
            catalog.build(dataset, {}).save(place)
        return place
    data.arxiv_sized(settings.arxiv_nodes, facts.features, facts.outputs, dataset).finish().save(folder / "task")
    return folder / "task"


def specs(dataset: str, width: int, epochs: int) -> tuple[TeacherSpec, CellSpec]:
    """The specs of a teacher (one epoch: what it learns makes no difference in time) and of a cell."""
    facts = catalog.facts(dataset)
    student = {"model": "gcn", "layers": 2, "width": width}
    large, small = sizes.measure(TEACHER, facts), sizes.measure(student, facts)
    training = TrainingSettings(epochs=epochs)
    taught = TeacherSpec(
        dataset=dataset,
        teacher="gcn-3x256",
        model=TEACHER,
        training=training.changed(TrainingSettings(epochs=1)),
        params=large.params,
        params_with_embeddings=large.params_with_embeddings,
    )
    cell = CellSpec(
        dataset=dataset,
        variant=dataset,
        teacher="gcn-3x256",
        teacher_model=TEACHER,
        teacher_hash="of no importance",
        taught_by="of no importance",
        teacher_params=large.params,
        teacher_params_with_embeddings=large.params_with_embeddings,
        student=f"gcn-2x{width}",
        student_params=small.params,
        student_params_with_embeddings=small.params_with_embeddings,
        ratio_target=None,
        model=student,
        training=training,
        method="kd",
        method_id="kd",
        taught=True,
        hyperparameters={},
        distill_on="train",
    )
    return taught, cell


def teach(spec: TeacherSpec, task: Path, output: Path, seeds: int, threads: int) -> Path:
    """The folder of one teacher that stands for those of all seeds, in files of their own as far as a job can tell."""
    process.module(jobs.TRAIN, *jobs.arguments(spec, task, output, "0-0", threads))
    folder = jobs.folder_of(spec, output, threads)
    (taught,) = jobs.records(folder)
    records = Records(folder)
    for seed in range(1, seeds):
        os.link(records.knowledge(0), records.knowledge(seed))
        records.write(taught.model_copy(update={"row": taught.row.model_copy(update={"seed": seed})}))
    return folder


def distill(
    spec: CellSpec, task: Path, teacher: Path, output: Path, seeds: int, threads: int, forked: bool = False
) -> float:
    """Seconds of a job.

    Args:
        forked: started by `workflow.fork_server`, as Snakemake's jobs are, instead of cold.
    """
    module = ["workflow.job", jobs.TRAIN] if forked else [jobs.TRAIN]
    return process.module(*module, *jobs.arguments(spec, task, output, f"0-{seeds - 1}", threads, teacher))


def compare(folder: Path, task: Path, dataset: str, width: int, epochs: int, plain_runs: int, threads: int = 1) -> Row:
    """Seconds of our cell against ten plain processes, of which `plain_runs` are timed and scaled up to ten."""
    taught, cell = specs(dataset, width, epochs)
    teacher = teach(taught, task, folder / "teachers", SEEDS, threads)
    before = process.cpu_of_children()
    ours = distill(cell, task, teacher, folder / "cell", SEEDS, threads)
    between = process.cpu_of_children()
    options = ["--epochs", str(epochs), "--width", str(width), "--classes", str(catalog.facts(dataset).outputs)]
    options += ["--threads", str(threads), "--output", str(folder / "row.json")]
    plain = [process.module("tests.benchmarks.speed.plain_loop", str(task), *options) for _ in range(plain_runs)]
    ten = [SEEDS * seconds for seconds in plain]
    return {
        "cell": f"{dataset}: gcn 3x256 -> 2x{width}",
        "seeds": SEEDS,
        "epochs": epochs,
        "nodes": len(Task.load(task).labels),
        "ours_s": ours,
        "plain_s": sum(ten) / plain_runs,
        "plain_runs_timed": plain_runs,
        **spread("ratio", [seconds / ours for seconds in ten]),
        "cpu_ratio": SEEDS * (process.cpu_of_children() - between) / plain_runs / (between - before),
    }
