"""What every method costs between deep networks: time of an epoch beside that of plain training."""

from __future__ import annotations

from typing import Any

import numpy as np

import methods
from methods.contract import Shape
from tests.benchmarks import data, trainings
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, judge, say
from workflow.models import sizes

BASE = "supervised"
LAYERS, WIDTH = 64, 64
STUDENT = {"model": "gcnii", "layers": 4, "width": 16}
EPOCHS, SAMPLES = 400, 1024
WHY = {
    "abkd-trained-values": "trains and standardises projections of both sides of all pairs of layers",
    "nosmog": "asks the student six times more, five times with gradients down to dense features",
    "semckd": "has a regressor for each of the 325 pairs of layers",
}
"""Of a method that does not reach what is wanted."""
ABOUT = (
    "An epoch (training and evaluation) under every method with its defaults, teacher GCNII "
    f"{LAYERS}x{WIDTH} ({LAYERS + 1} hidden layers), student GCNII {STUDENT['layers']}x{STUDENT['width']} (5), on a "
    "generated graph of Cora's size with made-up signals of the teacher; all nodes are distilled. Seconds are medians; "
    f"ratio is over the supervised epoch; training_s is {EPOCHS} epochs. A method that draws more than {SAMPLES:,} "
    "nodes by default has a second row with so many, which is the one that is judged."
)


def run(settings: Settings) -> list[Table]:
    # Quick looks have fewer layers, not fewer nodes alone.
    layers = settings.sized(LAYERS, 4)
    task = data.cora_sized(settings.sized(data.CORA["nodes"], 400))
    shape = Shape((WIDTH,) * (layers + 1), task.outputs)
    teacher, student = data.signals(len(task.labels), shape), sizes.measure(STUDENT, data.facts_of(task)).shape
    rows: list[Row] = []
    for name in (BASE, *(method for method in methods.available() if method != BASE)):
        if reason := methods.skip(name, task, shape, student):
            rows.append({"method": name, "epoch_s": None, "ratio": None, "training_s": None, "note": reason})
            continue
        drawn = methods.defaults(name).get("max_samples", 0)
        for changes in ({}, {"max_samples": SAMPLES}) if drawn > SAMPLES else ({},):
            row = _row(name, changes, trainings.epochs(task, STUDENT, name, teacher, "all", changes), settings, rows)
            rows.append(row if drawn > SAMPLES and not changes else judge(row, training_s="<= 60"))
            say("deep", rows[-1])
    return [Table(ABOUT, rows)]


def _row(name: str, changes: dict[str, Any], epochs: Any, settings: Settings, rows: list[Row]) -> Row:
    # The first epoch makes constants; one more settles the memory.
    seconds = float(np.median(trainings.seconds(epochs, settings.repeats, settling=2)))
    return {
        "method": name,
        "epoch_s": seconds,
        "ratio": seconds / rows[0]["epoch_s"] if rows else 1.0,
        "training_s": EPOCHS * seconds,
        "note": f"{SAMPLES:,} nodes drawn" if changes else WHY.get(name, ""),
    }
