"""How time and memory grow with the number of nodes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from methods.contract import Shape
from tests.benchmarks import data, process, trainings
from tests.benchmarks.growth import figure
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, exponent, judge, say
from workflow.training import device as devices

METHODS: dict[str, dict[str, Any]] = {
    "supervised": {},
    "kd": {},
    "abkd": {},
    "gcrd": {"max_samples": 512},
    "lsp": {},
}
STUDENT = {"model": "gcn", "layers": 2, "width": 32}
TEACHER_WIDTHS = (32, 32)
SMALLEST, LARGEST, SIZES, FEATURES = 10_000, 2_000_000, 5, 32
MOST_REPEATS = 50
SETTLING = 8
"""Epochs until a process of two million nodes asks the system for hardly any more memory."""
ABOUT = (
    "An epoch (training and evaluation) of a GCN 2x32 on generated graphs with 32 features and as many edges per node "
    "as ogbn-arxiv, distilled on the training nodes with made-up signals of a GCN 3x32; each run in a process of its "
    "own. epoch_s is the median of the epochs after the first eight; above_base_mib is the peak, in another process "
    "that gives freed memory back, beyond what it holds before the data are loaded.\n\n"
    "![Seconds per epoch and peak memory against nodes](growth.png)"
)
EXPONENTS_ABOUT = (
    "Exponents b of time ~ nodes^b and memory above the base ~ nodes^b: least squares in log-log over all sizes. "
    "The last columns are those between the two largest sizes alone, where constant costs no longer count."
)


def run(settings: Settings) -> list[Table]:
    sizes = np.geomspace(settings.sized(SMALLEST, 200), settings.sized(LARGEST, 2000), SIZES)
    rows: list[Row] = []
    for nodes in sizes.round().astype(int):
        with tempfile.TemporaryDirectory() as folder:
            task = data.arxiv_sized(int(nodes), FEATURES)
            data.save(task, Shape(TEACHER_WIDTHS, task.outputs), Path(folder))
            edges = task.num_edges
            del task
            for method, hyperparameters in METHODS.items():
                target = f"{__name__}:one"
                given = {"folder": folder, "method": method, "hyperparameters": hyperparameters}
                # Epochs of milliseconds need more of them for a steady median.
                most = 1 if settings.quick else MOST_REPEATS
                repeats = max(settings.repeats, min(most, LARGEST // int(nodes)))
                answer = process.call(settings, target, **given, repeats=repeats, kept=True)
                memory = process.call(settings, target, **given, repeats=1, kept=False)
                row = {
                    "method": method,
                    "nodes": int(nodes),
                    "edges": edges,
                    "epoch_s": float(np.median(answer["seconds"])),
                    "peak_mib": memory["peak_mib"],
                    "above_base_mib": max(memory["peak_mib"] - memory["base_mib"], 1e-3),
                }
                rows.append(row)
                say("growth", row)
    figure.draw(rows, settings.folder)
    return [Table(EXPONENTS_ABOUT, exponents(rows)), Table(ABOUT, rows)]


def one(folder: str, method: str, hyperparameters: dict[str, Any], repeats: int, kept: bool) -> dict[str, Any]:
    """Seconds of each epoch, and MiB before anything is loaded."""
    base = devices.reset_host_peak()
    task, teacher = trainings.load(Path(folder))
    side = trainings.epochs(task, STUDENT, method, teacher, hyperparameters=hyperparameters, kept=kept)
    return {"seconds": trainings.seconds(side, repeats, SETTLING if kept else 1), "base_mib": base}


def exponents(rows: list[Row]) -> list[Row]:
    found = []
    for method in METHODS:
        mine = [row for row in rows if row["method"] == method]
        row: Row = {"method": method}
        for name, column in (("time", "epoch_s"), ("memory", "above_base_mib")):
            sizes, values = [r["nodes"] for r in mine], [r[column] for r in mine]
            row[name] = exponent(sizes, values)
            row[f"{name}_last"] = exponent(sizes[-2:], values[-2:])
        found.append(judge(row, time="<= 1.1", memory="<= 1.1"))
        say("growth", found[-1])
    return found
