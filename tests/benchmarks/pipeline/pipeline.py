"""The pipeline around a training: start-up of a job, loading, planning, and the share of time that training gets."""

from __future__ import annotations

import base64
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.benchmarks import data, jobs, process, trainings
from tests.benchmarks.settings import Settings
from tests.benchmarks.speed import cells
from tests.benchmarks.tables import Row, Table, judge, say, spread
from tests.checkouts import copy_code
from workflow.files import read_json
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.feeds.node import FullGraph
from workflow.training.records import Records

DATASET = "ace-sim-mini"
JOBS, SEEDS = 5_000, 10
METHODS = ("supervised", "kd", "fitnet", "at", "lsp", "gsp", "gcrd", "abkd", "abkd-uniform", "cka")
ABOUT = (
    "What surrounds the trainings. value is a median (and range) of wall time over repeats; cpu_s is the CPU seconds "
    "of the same, which other load on the machine disturbs less. Start-up: a distillation job of one epoch on "
    f"{DATASET}, from the start of its process to its end, less the seconds of the training in its row: cold, and as a "
    "later job of a run, forked by the server of workflow.fork_server. Loading: opening a prepared task of "
    "ogbn-arxiv's size and turning it into the tensors of a feed, in a process that has its imports, with the file in "
    "the page cache. Planning: `snakemake -n --quiet` on a configuration of so many jobs, for the first time (every "
    "network and method is built once) and again. Training share: seconds of the rows over wall time of the jobs that "
    "wrote them, as Snakemake recorded it, in the results that lie there."
)


def run(settings: Settings) -> list[Table]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        steps: tuple[Callable[[], list[Row]], ...] = (
            lambda: start_up(settings, folder / "job"),
            lambda: loading(settings, folder / "arxiv"),
            lambda: planning(settings, folder / "plan"),
            lambda: [share(process.ROOT, "quick")],
        )
        for step in steps:
            for row in step():
                rows.append(row)
                say("pipeline", row)
    return [Table(ABOUT, rows)]


def start_up(settings: Settings, folder: Path) -> list[Row]:
    """Cold, and as a later job of a run: the first one starts the server of `workflow.fork_server`."""
    task = cells.prepared(DATASET, folder, settings)
    taught, cell = cells.specs(DATASET, 16, 1)
    teacher = cells.teach(taught, task, folder / "teachers", 1, settings.threads)
    rows = []
    for name, forked in (("cold", False), ("by workflow.fork_server", True)):
        taken, spent = [], []
        for turn in range(settings.repeats + forked):
            output = folder / f"{name}{turn}"
            before = process.cpu_of_children()
            whole = cells.distill(cell, task, teacher, output, 1, settings.threads, forked)
            found = jobs.records(jobs.folder_of(cell, output, settings.threads))
            training = sum(record.row.seconds for record in found)
            if turn >= forked:
                taken.append(whole - training)
                spent.append(process.cpu_of_children() - before - training)
        row = {"what": f"start-up of a job, {name}, {DATASET}", "unit": "s", **spread("value", taken)}
        # What the server spends is not seen here.
        row |= {"cpu_s": None if forked else float(np.median(spent)), "note": ""}
        rows.append(judge(row, value="<= 4"))
    return rows


def loading(settings: Settings, folder: Path) -> list[Row]:
    data.arxiv_sized(settings.arxiv_nodes).finish().save(folder)
    answer = process.call(settings, f"{__name__}:load", folder=str(folder), repeats=settings.repeats)
    size = f"{settings.arxiv_nodes:,} nodes"
    return [
        judge(
            {"what": f"loading a task, {size}", "unit": "s", **spread("value", answer["load"]), "note": ""},
            value="<= 1",
        ),
        {
            "what": f"its GCN matrix and first product, {size}",
            "unit": "s",
            **spread("value", answer["first"]),
            "note": "once per job",
        },
    ]


def load(folder: str, repeats: int) -> dict[str, Any]:
    """Seconds to open a task and make its feed, and for the constants of a first GCN layer."""
    taken: dict[str, list[float]] = {"load": [], "first": []}
    for _ in range(repeats):
        started = time.perf_counter()
        feed = choose.create(Task.load(folder), trainings.CPU, "train")
        loaded = time.perf_counter()
        assert isinstance(feed, FullGraph)
        _ = feed.graph.gcn @ feed.graph.x
        taken["load"].append(loaded - started)
        taken["first"].append(time.perf_counter() - loaded)
    return taken


def planning(settings: Settings, folder: Path) -> list[Row]:
    """In a copy of the code, so that neither the plans nor the records of this checkout matter."""
    copy_code(folder)
    widths = -(-settings.sized(JOBS, 100) // (len(METHODS) * SEEDS))
    number = widths * len(METHODS) * SEEDS
    (folder / "config" / "many.yaml").write_text(yaml.safe_dump(many(widths)))
    command = ["-n", "--quiet", "--cores", "2", "--configfile", "config/many.yaml"]
    taken, spent = [], []
    for _ in range(settings.repeats + 1):
        before = process.cpu_of_children()
        taken.append(process.module("snakemake", *command, cwd=folder))
        spent.append(process.cpu_of_children() - before)
    rows = []
    for when, part in (("first time", slice(0, 1)), ("again", slice(1, None))):
        row = {"what": f"planning {number:,} jobs, {when}", "unit": "s", **spread("value", taken[part])}
        rows.append(judge({**row, "cpu_s": float(np.median(spent[part])), "note": ""}, value="<= 8"))
    return rows


def many(widths: int) -> dict[str, Any]:
    """A configuration with one job for every method, width and seed."""
    return {
        "title": "Many jobs",
        "seeds": SEEDS,
        "seeds_per_job": {"teach": SEEDS, "distill": 1},
        "models": {"gcn-3x256": dict(cells.TEACHER), "gcn-2": {"model": "gcn", "layers": 2}},
        "methods": dict.fromkeys(METHODS),
        "experiments": [
            {
                "dataset": DATASET,
                "teachers": ["gcn-3x256"],
                "students": [{"model": "gcn-2", "widths": list(range(4, 4 + widths))}],
            }
        ],
    }


def share(root: Path, name: str) -> Row:
    """Seconds of training over wall time of the jobs whose rows lie in results/NAME."""
    row: Row = {"what": f"training share of the jobs' time, results/{name}", "unit": "%", "value": None}
    trained, walls = 0.0, 0.0
    count = 0
    for record in (root / ".snakemake" / "metadata").rglob("*"):
        output = decoded(record)
        if not re.fullmatch(rf"results/{name}/.*/seeds~\d+-\d+\.json", output) or not (root / output).exists():
            continue
        known = read_json(record)
        records = Records((root / output).parent)
        seeds = map(int, read_json(root / output))
        trained += sum(found.row.seconds for seed in seeds if (found := records.read(seed)))
        walls += known["endtime"] - known["starttime"]
        count += 1
    if not count:
        return {**row, "note": f"no finished jobs under results/{name}"}
    return judge({**row, "value": 100 * trained / walls, "note": f"{count} jobs"}, value=">= 90")


def decoded(record: Path) -> str:
    """The output file that a record of Snakemake's belongs to; long names are cut up into folders."""
    parts = record.parts[record.parts.index("metadata") + 1 :]
    try:
        return base64.urlsafe_b64decode("".join(part.removeprefix("@") for part in parts)).decode()
    except ValueError:
        return ""
