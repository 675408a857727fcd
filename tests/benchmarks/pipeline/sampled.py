"""Raw files of exactly ogbn-products' size through the steps of the project, in mini-batches of nodes.

Hours, 16 GiB of memory and 10 GiB of disk: not among the parts that run when none is named.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.benchmarks import data, jobs, process
from tests.benchmarks.pipeline.scale import one, short
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, exponent, judge, say
from tests.workflow.datasets import ogb_layout
from tests.workflow.samples import cell_spec, teacher_spec
from workflow import catalog
from workflow.models import sizes
from workflow.models.model import Dropout, create
from workflow.specs import Hyperparameters, TrainingSettings
from workflow.task import Task
from workflow.training import loop, optimizers
from workflow.training.feeds import choose
from workflow.training.feeds.step import Needs
from workflow.training.seeds import Streams

LONG = True
"""Runs only where it is named."""
DATASET = "ogbn-products"
LIMITS = (15 * 60, 12 * 2**10)
"""Seconds and MiB that the preparation may take."""
TEACHER = {"model": "sage", "layers": 3, "width": 256}
STUDENT = {"model": "sage", "layers": 2, "width": 64}
TRAINING = TrainingSettings(epochs=1, sampler="neighbour", batch_size=1024, fan_out=[15, 10, 5], learning_rate=0.003)
METHODS: dict[str, Hyperparameters] = {
    "supervised": {},
    "kd": {},
    "fitnet": {},
    "gcrd": {"max_samples": 512},
    "lsp": {},
    "gsp": {"max_samples": 512},
    "abkd": {},
}
SHARES = (100, 30, 10, 3)
"""Of the official size, one in so many nodes and edges; the first is too small to count for the exponent."""
SPLIT = (0.08, 0.016)
"""Shares of ogbn-products' nodes for training and validation."""
STEPS = 20
PREPARED_ABOUT = (
    "Preparation of made-up raw files in OGB's layout, of exactly the official numbers of nodes, edges, features and "
    "classes: `python -m workflow.steps.prepare`, from gzipped text to the prepared task."
)
TRAINED_ABOUT = (
    "One epoch of mini-batches of 1,024 training nodes, its exact evaluation on all edges, and what follows a training "
    "(scores of all parts; a teacher's knowledge of all nodes; a student's fidelity): a teacher GraphSAGE 3x256 and "
    "its students, GraphSAGE 2x64, by `python -m workflow.steps.train`. epoch_s is the time of its row with the "
    "evaluations, job_s that of the whole process, peak_mib its peak, mapped files included."
)
GROWTH_ABOUT = (
    "A GraphSAGE 3x256 on graphs of a hundredth, a thirtieth, a tenth and a third of ogbn-products' nodes and edges. A "
    "batch is small (64 nodes, 5 neighbours a hop), so that it is far from the whole of a graph. step_s is the median "
    "training step, valid_s the exact evaluation of the validation part that ends an epoch, above_base_mib the peak of "
    "the process's own memory in the steps (mapped files are not its own) beyond what it holds before the data are "
    "opened. The exponent b is that of memory ~ nodes^b, without the smallest graph."
)
SMALL_BATCH = TrainingSettings(batch_size=64, fan_out=[5, 5, 5])


def run(settings: Settings) -> list[Table]:
    settings.folder.mkdir(parents=True, exist_ok=True)
    tables = [Table(GROWTH_ABOUT, growth(settings))]
    if settings.quick:
        return tables
    # Beside the answers: a system's own temporary folder is often too small.
    with tempfile.TemporaryDirectory(dir=settings.folder) as scratch:
        folder = Path(scratch)
        tables.append(Table(PREPARED_ABOUT, [prepare(folder)]))
        tables.append(Table(TRAINED_ABOUT, train(folder, settings)))
    return tables


def prepare(folder: Path) -> Row:
    ogb_layout.write_node(folder / "raw", DATASET, **ogb_layout.PRODUCTS)
    given = json.dumps({"ogb_root": str(folder / "raw")})
    seconds, peak = process.measured("workflow.steps.prepare", DATASET, str(folder / "task"), "--settings", given)
    row = judge(
        {"dataset": DATASET, "seconds": seconds, "peak_mib": peak},
        seconds=f"<= {LIMITS[0]}",
        peak_mib=f"<= {LIMITS[1]}",
    )
    say("sampled", row)
    return row


def train(folder: Path, settings: Settings) -> list[Row]:
    """A teacher of FOLDER/task and its students, one epoch each."""
    facts = catalog.facts(DATASET)
    large, small = sizes.measure(TEACHER, facts), sizes.measure(STUDENT, facts)
    teacher = teacher_spec(DATASET, "sage-3x256", TEACHER, TRAINING, large.params)
    rows = [one(teacher, folder, settings)]
    place = jobs.folder_of(short(teacher), folder / "teacher", settings.threads)
    for method, hyperparameters in METHODS.items():
        cell = cell_spec(teacher, "sage-2x64", STUDENT, method, small.params, hyperparameters=hyperparameters)
        rows.append(one(cell, folder, settings, place))
    return rows


def growth(settings: Settings) -> list[Row]:
    rows: list[Row] = []
    official = ogb_layout.PRODUCTS
    for share in SHARES:
        nodes = settings.sized(official["nodes"] // share, 2000)
        edges = round(official["edges"] / official["nodes"] * nodes)
        with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
            data.arxiv_sized(nodes, 100, 47, DATASET, edges, SPLIT).finish().save(Path(folder) / "task")
            found = process.call(settings, f"{__name__}:steps", folder=folder)
        rows.append({"nodes": nodes, "edges": edges, **found})
        say("sampled", rows[-1])
    memory = exponent([row["nodes"] for row in rows[1:]], [row["above_base_mib"] for row in rows[1:]])
    rows.append(judge({"exponent": memory}, exponent="<= 0.1"))
    say("sampled", rows[-1])
    return rows


def steps(folder: str) -> dict[str, Any]:
    """Seconds of a step and of an evaluation, and MiB beyond what the process holds before the data are opened."""
    before = own_mib()
    task = Task.load(Path(folder) / "task")
    training = TRAINING.changed(SMALL_BATCH)
    streams = Streams(0, "teacher", torch.device("cpu"))
    model = create(TEACHER, catalog.facts(DATASET))
    feed = choose.create(task, streams.device, "train", training, Needs(model.reach))
    optimizer = optimizers.create(list(model.parameters()), training)
    dropout = Dropout(streams.generator("dropout"))
    times = []
    with watched() as peak:
        for step in islice(next(iter(feed.steps(streams))), STEPS):
            started = process.now()
            loss = torch.nn.functional.cross_entropy(model(step.inputs, dropout).logits, step.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            times.append(process.now() - started)
    started = process.now()
    loop.score(model, feed, "valid")
    return {"step_s": float(np.median(times)), "valid_s": process.now() - started, "above_base_mib": peak[0] - before}


def own_mib() -> float:
    """MiB in use that belong to no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 2**10


@contextmanager
def watched() -> Iterator[list[float]]:
    """The most of `own_mib` in a block, seen every few milliseconds; the system keeps no peak of it."""
    peak, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.is_set():
            peak[0] = max(peak[0], own_mib())
            ended.wait(0.003)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
