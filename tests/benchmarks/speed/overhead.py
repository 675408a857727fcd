"""What every method costs beside plain supervised training: time of an epoch and peak memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import methods
from methods.contract import Shape
from tests.benchmarks import data, process, trainings
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, judge, say
from workflow.models import sizes

BASE = "supervised"
COMPOSED = ["kd+abkd"]
STUDENT = {"model": "gcn", "layers": 2, "width": 256}
TEACHER_WIDTHS = (256, 256)
WHY = {
    "gcrd": "tells each of 16,384 drawn nodes from all of them: 268 million similarities a step",
    "nosmog": "asks the student six times more, five times with gradients down to dense features",
}
"""Of a method that does not reach what is wanted, or may miss it by what ratios vary."""
ABOUT = (
    "An epoch (training and evaluation) of a GCN 2x256 under every method with its defaults, on a generated "
    "graph of ogbn-arxiv's size, distilled on the training nodes with made-up signals of a GCN 3x256. Each method has "
    "a process of its own. Seconds are medians of the epochs after the first three. ratio is over the supervised "
    "epoch, which is measured first and last. extra_mib is the peak memory beyond that of the supervised training, "
    "which holds the teacher's signals too; another process measures it, which gives freed memory back. An epoch of at "
    "most 10 supervised ones is wanted; a method above that says why."
)


def run(settings: Settings) -> list[Table]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        task = data.arxiv_sized(settings.arxiv_nodes)
        data.save(task, Shape(TEACHER_WIDTHS, task.outputs), folder)
        ids = [name for name in methods.available() if name != BASE] + COMPOSED
        found = {}
        for name in [BASE, *ids, f"{BASE} again"]:
            given = {"folder": str(folder), "method": name.removesuffix(" again")}
            target = f"{__name__}:one"
            found[name] = process.call(settings, target, **given, repeats=settings.repeats, kept=True)
            memory = process.call(settings, target, **given, repeats=1, kept=False)
            found[name]["peak_mib"] = memory["peak_mib"]
            text = found[name].get("skipped") or f"{np.median(found[name]['seconds']):.3g} s per epoch"
            print(f"overhead: {name}: {text}, peak {found[name]['peak_mib']:.0f} MiB", flush=True)
    last = found.pop(f"{BASE} again")
    found[BASE]["seconds"] += last["seconds"]
    return [Table(ABOUT, [row_of(name, answer, found[BASE]) for name, answer in found.items()])]


def one(folder: str, method: str, repeats: int, kept: bool) -> dict[str, Any]:
    """Seconds of each epoch of one method, or why it does not apply."""
    task, teacher = trainings.load(Path(folder))
    reason = methods.skip(method, task, teacher.shape, sizes.measure(STUDENT, data.facts_of(task)).shape)
    if reason:
        return {"skipped": reason}
    return {"seconds": trainings.seconds(trainings.epochs(task, STUDENT, method, teacher, kept=kept), repeats)}


def row_of(name: str, answer: dict[str, Any], base: dict[str, Any]) -> Row:
    if "skipped" in answer:
        return {"method": name, "epoch_s": None, "ratio": None, "extra_mib": None, "note": answer["skipped"]}
    epoch, plain = np.median(answer["seconds"]), np.median(base["seconds"])
    row = {
        "method": name,
        "epoch_s": float(epoch),
        "ratio": float(epoch / plain),
        "ratio_low": float(min(answer["seconds"]) / plain),
        "ratio_high": float(max(answer["seconds"]) / plain),
        "extra_mib": answer["peak_mib"] - base["peak_mib"],
        "note": f"peak {base['peak_mib']:.0f} MiB" if answer is base else WHY.get(name, ""),
    }
    row = judge(row, ratio="<= 10")
    say("overhead", row)
    return row
