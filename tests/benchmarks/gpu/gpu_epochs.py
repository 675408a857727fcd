"""One training epoch with its evaluation on a GPU, ours against the plain PyG loop, and against the card's memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from tests.benchmarks import data, process, trainings
from tests.benchmarks.gpu import card
from tests.benchmarks.settings import Settings
from tests.benchmarks.speed import molecular, relational
from tests.benchmarks.speed.epochs import plain_epochs_of
from tests.benchmarks.tables import Row, Table, judge, say
from workflow.task import Task

LONG = True
NETWORKS = [("gcn", 2, w, 1) for w in (16, 64, 256)] + [("sage", 2, w, 1) for w in (16, 64, 256)]
ATTENTION = [("gat", 2, 64, 4)]
RELATIONAL = [(2, 64), (3, 512)]
SHARE = 0.05
"""Of ogbn-mag's nodes, edges and walks."""
ROOTS = 1000
EPOCHS, TURNS = 10, 3
WANTED = {16: ">= 3", 64: ">= 3", 256: ">= 1.5"}
METHODS = ("kd", "fitnet", "lsp", "gsp", "gcrd", "abkd")

ABOUT = (
    "One training epoch with its evaluation on a generated graph of ogbn-arxiv's size, on one GPU: the project's loop "
    "against what one writes with PyG, in one process, turn by turn, mean of ten epochs a turn, median of the turns. "
    "The plain loop runs as torch comes, the project's with kernels that repeat to the last bit. `kernels` is what the "
    "project's epoch keeps the card busy with, as a share of its time; the rest is the host."
)


def run(settings: Settings) -> list[Table]:
    device = card.device()
    task = data.arxiv_sized(settings.arxiv_nodes)
    rows = []
    for kind, layers, width, heads in NETWORKS + ATTENTION:
        rows.append(judge(_compare(task, kind, layers, width, heads, device, settings.quick), ratio=WANTED[width]))
        say("gpu_epochs", rows[-1])
    return [
        Table(ABOUT, rows),
        molecular.table(settings, device),
        _relational(settings, device),
        _methods(task, device),
    ]


def _compare(
    task: Task, kind: str, layers: int, width: int, heads: int, device: torch.device, quick: bool = False
) -> Row:
    spec: dict[str, Any] = {"model": kind, "layers": layers, "width": width}
    sides = {
        "ours": trainings.epochs(task, spec | ({"heads": heads} if kind == "gat" else {}), device=device),
        "pyg": plain_epochs_of(task, kind, layers, width, heads, device),
    }
    turns, epochs = (1, 1) if quick else (TURNS, EPOCHS)
    mine, theirs = (partial(_seconds, side, epochs) for side in sides.values())
    times = process.alternate({"ours": mine, "pyg": partial(card.plainly, theirs)}, turns, settling=1)
    ours, pyg = (sorted(times[name])[turns // 2] for name in sides)
    name = f"{kind} {layers}x{width}" + (f"x{heads}h" if kind == "gat" else "")
    return {
        "network": name,
        "ours_ms": 1000 * ours,
        "pyg_ms": 1000 * pyg,
        "ratio": pyg / ours,
        "kernels": _busy(sides["ours"], ours),
    }


def _seconds(side: Iterator[None], epochs: int = EPOCHS) -> float:
    """Of one epoch."""
    next(side)
    return card.once(lambda: [next(side) for _ in range(epochs)]) / epochs


def _busy(side: Iterator[None], seconds: float) -> float | None:
    """The share of an epoch's time in which kernels run; None without a GPU."""
    if not torch.cuda.is_available():
        return None
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as watched:
        next(side)
        torch.cuda.synchronize()
    return sum(event.self_device_time_total for event in watched.key_averages()) / 1e6 / seconds


def _relational(settings: Settings, device: torch.device) -> Table:
    task = data.mag_sized(SHARE * settings.sized(1000) / 1000)
    rows: list[Row] = []
    for layers, width in RELATIONAL:
        sides = relational.Sides(task, layers, width, ROOTS, device=device)

        def plain(sides: relational.Sides = sides) -> float:
            return sides.theirs(*sides.draw())

        steps = {"ours": partial(card.once, sides.ours), "pyg": partial(card.plainly, partial(card.once, plain))}
        times = process.alternate(steps, 1 if settings.quick else TURNS * 3, settling=1)
        ours, pyg = (1000 * float(np.median(taken)) for taken in times.values())
        rows.append({"network": f"r-gcn {layers}x{width}", "ours_ms": ours, "pyg_ms": pyg, "ratio": pyg / ours})
        say("gpu_epochs", rows[-1])
    return Table(
        "A training step of an R-GCN on a sampled piece of a graph with a twentieth of ogbn-mag; both sides draw "
        "their samples by the project's sampler, since PyG's own needs a compiled extension.",
        rows,
    )


def _methods(task: Task, device: torch.device) -> Table:
    """An epoch of a GCN 2x64 by each method over that without a teacher."""
    known = data.teacher_signals(task)
    spec = {"model": "gcn", "layers": 2, "width": 64}
    floor = _seconds(trainings.epochs(task, spec, "supervised", known, device=device))
    rows: list[Row] = []
    for method in METHODS:
        taken = _seconds(trainings.epochs(task, spec, method, known, device=device))
        rows.append({"method": method, "ms": 1000 * taken, "of_floor": taken / floor})
        say("gpu_epochs", rows[-1])
    return Table("The same of a GCN 2x64 by method, distilled on the training nodes, over the epoch without one.", rows)
