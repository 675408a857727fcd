"""ABKD between deep networks: an epoch's time over that of logit KD, and memory against the number of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.contract import Shape, Signals
from tests.benchmarks import data, process, trainings
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, exponent, judge, say, spread
from workflow.task import Task
from workflow.training import device as devices

WIDTH, DEEP = 64, 64
STUDENTS = (4, 64)
DEPTHS = ((8, 4), (16, 4), (32, 4), (64, 4), (64, 16), (64, 64))
TURNS = 10
TIME_ABOUT = (
    "An epoch (training and evaluation) of ABKD over that of logit KD of the same student, turn by turn in one "
    "process, on a generated graph of PubMed's size with made-up signals of a GCNII 64x64 (66 layers with input and "
    "output). `distill_on`: the 60 training nodes, or all nodes. Seconds are medians; ratio is "
    "ABKD's time over KD's, its median (and range) over the turns."
)
MEMORY_ABOUT = (
    "Peak memory of ABKD on all nodes of the PubMed-sized graph, beyond what is resident once task and teacher's "
    "signals are there, less the same of the supervised training; students are 64 wide as the teacher is, each run in "
    "a process of its own. L_t + L_s counts all layers, input and output too; mib_per_layer is the slope from the row "
    "before. exponent is that of the extra memory in L_t + L_s over the rows so far (log-log least squares)."
)


def tables(settings: Settings) -> list[Table]:
    nodes = settings.sized(data.PUBMED["nodes"], 1600)
    return [Table(TIME_ABOUT, times(nodes, settings.repeats * TURNS)), memory(settings, nodes)]


def times(nodes: int, turns: int) -> list[Row]:
    task = data.pubmed_sized(nodes)
    teacher = made_up(task, DEEP)
    rows = []
    for width in STUDENTS:
        spec = student(4, width)
        for on in ("train", "all"):
            sides = {
                "kd": trainings.epochs(task, spec, "kd", teacher, on),
                "abkd": trainings.epochs(task, spec, "abkd", teacher, on),
            }
            taken = trainings.in_turns(sides, turns)
            row = {
                "student": f"gcnii 4x{width}",
                "distill_on": on,
                **{f"{side}_s": float(np.median(seconds)) for side, seconds in taken.items()},
                **spread("ratio", trainings.ratios(taken["abkd"], taken["kd"])),
            }
            rows.append(judge(row, ratio="<= 2" if on == "train" else "<= 4"))
            say("limits", rows[-1])
    return rows


def memory(settings: Settings, nodes: int) -> Table:
    rows: list[Row] = []
    for deep, shallow in DEPTHS:
        peaks = {
            method: process.call(
                settings,
                f"{__name__}:peak",
                method=method,
                nodes=nodes,
                teacher_layers=deep,
                student_layers=shallow,
            )["extra_mib"]
            for method in ("supervised", "abkd")
        }
        row: Row = {"teacher": f"gcnii {deep}x{WIDTH}", "student": f"gcnii {shallow}x{WIDTH}"}
        row |= {"layers": deep + shallow + 4, "extra_mib": peaks["abkd"] - peaks["supervised"]}
        if rows:
            before = rows[-1]
            row["mib_per_layer"] = (row["extra_mib"] - before["extra_mib"]) / (row["layers"] - before["layers"])
            known = [*rows, row]
            row["exponent"] = exponent([r["layers"] for r in known], [max(r["extra_mib"], 1e-3) for r in known])
        rows.append(row)
        say("limits", row)
    return Table(MEMORY_ABOUT, rows)


def peak(method: str, nodes: int, teacher_layers: int, student_layers: int) -> dict[str, Any]:
    """MiB of a few epochs beyond what is resident before."""
    task = data.pubmed_sized(nodes)
    teacher = made_up(task, teacher_layers)
    before = devices.reset_host_peak()
    trainings.seconds(trainings.epochs(task, student(student_layers, WIDTH), method, teacher, "all", kept=False), 1)
    return {"extra_mib": devices.host_peak_mib() - before}


def student(layers: int, width: int) -> dict[str, Any]:
    return {"model": "gcnii", "layers": layers, "width": width}


def made_up(task: Task, layers: int) -> Signals:
    return data.signals(len(task.labels), Shape((WIDTH,) * (layers + 1), task.outputs))
