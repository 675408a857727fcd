"""A cell of the table, ten seeds of one student with logit KD, from a cold process to the rows on disk."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workflow.config import training_defaults
from workflow.models import sizes
from workflow.tasks import catalog
from workflow.tasks.task import Task

SEEDS = 10


def seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - started


def compare(folder: Path, task: Path, dataset: str, width: int, epochs: int, plain_runs: int) -> dict[str, Any]:
    """Seconds of our cell against ten plain processes, of which `plain_runs` are timed and scaled up to ten.

    The teachers are trained before (one epoch: their cost is neither side's) and are a GCN 3x256.
    """
    facts = catalog.facts(dataset)
    teacher = {"model": "gcn", "layers": 3, "width": 256}
    student = {"model": "gcn", "layers": 2, "width": width}
    large, small = sizes.measure(teacher, facts), sizes.measure(student, facts)
    training = training_defaults() | {"epochs": epochs}
    shared = {"dataset": dataset, "teacher": "gcn-3x256"}
    taught = {
        **shared,
        "model": teacher,
        "training": training | {"epochs": 1},
        "params": large.params,
        "params_with_embeddings": large.params_with_embeddings,
    }
    cell = {
        **shared,
        "teacher_params": large.params,
        "teacher_params_with_embeddings": large.params_with_embeddings,
        "student": f"gcn-2x{width}",
        "student_params": small.params,
        "student_params_with_embeddings": small.params_with_embeddings,
        "ratio_target": None,
        "model": student,
        "training": training,
        "method": "kd",
        "method_id": "kd",
        "hyperparameters": {},
        "distill_on": "train",
    }
    common = ["--seeds", f"0-{SEEDS - 1}", "--task", str(task), "--device", "cpu", "--threads", "1"]
    teachers = folder / "teachers"
    seconds("-m", "workflow.steps.teach", "--spec", json.dumps(taught), "--output", str(teachers), *common)
    places = ["--teachers", str(teachers), "--output", str(folder / "cell")]
    ours = seconds("-m", "workflow.steps.distill", "--spec", json.dumps(cell), *places, *common)
    output = folder / "row.json"
    options = ["--epochs", str(epochs), "--width", str(width), "--classes", str(facts.outputs)]
    plain = [
        seconds("-m", "tests.benchmarks.plain_loop", str(task), *options, "--output", str(output))
        for _ in range(plain_runs)
    ]
    ten = SEEDS * sum(plain) / plain_runs
    return {
        "cell": f"{dataset}: gcn 3x256 -> 2x{width}, {SEEDS} seeds, {epochs} epochs",
        "nodes": len(Task.load(task).labels),
        "ours_s": ours,
        "plain_s": ten,
        "plain_runs_timed": plain_runs,
        "ratio": ten / ours,
    }
