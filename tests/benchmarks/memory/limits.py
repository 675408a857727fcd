"""Losses that compare all pairs of nodes, all edges or all pairs of layers: their time and memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import methods
from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import KERNELS
from methods.testing import make_batch
from tests.benchmarks import data, process, trainings
from tests.benchmarks.memory import depth, whole
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Table, judge, say, spread
from workflow.training import device as devices
from workflow.training.feeds import choose
from workflow.training.seeds import Streams

SAMPLES, WIDTH, WARM_UP_ROWS, TURNS = 16_384, 256, 64, 2
NETWORK = Shape((WIDTH,), data.CLASSES)
PAIRS_ABOUT = (
    f"Forward and backward pass of one loss on {SAMPLES:,} sampled nodes, student and teacher with one hidden layer of "
    f"{WIDTH} columns and {data.CLASSES} logits (for STRIDE hence 2 x 2 pairs of layers): the project's form by blocks "
    "against whole n x n matrices in plain torch with autograd, turn by turn in one process. Seconds are medians; "
    "ratio is our time over the whole form's, its median (and range); extra_mib and whole_mib are the peak of either "
    "form beyond what is resident once the inputs are built (ours in a process of its own)."
)
EDGES_ABOUT = (
    f"Forward and backward pass of LSP on all edges of the arxiv-sized graph, {WIDTH} columns on either side. "
    "extra_mib is the peak beyond what is resident once inputs and graph are built, in a process of its own; it "
    "includes the edges' own index. first_s has the preparation of a first step, epoch_s is the median of later ones."
)


@dataclass(frozen=True)
class Case:
    """A loss in two forms."""

    method: str
    hyperparameters: dict[str, Any]
    whole: Callable[[Any, Signals, Signals], Tensor]

    def create(self) -> Method:
        torch.manual_seed(0)
        return methods.create(
            self.method, teacher=NETWORK, student=NETWORK, max_samples=SAMPLES, **self.hyperparameters
        )

    def step(self, side: str, method: Method, student: Signals, teacher: Signals, batch: Batch) -> float:
        """Loss and gradients of one form (`ours` or `whole`); the loss."""
        if side == "whole":
            total = self.whole(method, student, teacher)
        else:
            total = functools.reduce(torch.add, method(student, teacher, batch).values())
        total.backward()
        return total.item()


CASES = {
    **{f"gsp {kernel}": Case("gsp", {"kernel": kernel}, whole.gsp) for kernel in KERNELS},
    "gcrd": Case("gcrd", {}, whole.gcrd),
    "stride gcrd": Case("stride", {"structure": "gcrd"}, whole.stride),
    "stride gsp": Case("stride", {"structure": "gsp"}, whole.stride),
}


def run(settings: Settings) -> list[Table]:
    return [pairs(settings), edges(settings), *depth.tables(settings)]


def inputs(rows: int, dtype: torch.dtype = torch.float32) -> tuple[Signals, Signals, Batch]:
    """Student (leaves with gradients), teacher and batch."""
    made = [data.signals(rows, NETWORK, seed) for seed in (1, 2)]
    student, teacher = (Signals(s.logits.to(dtype), tuple(h.to(dtype) for h in s.hidden)) for s in made)
    for leaf in (student.logits, *student.hidden):
        leaf.requires_grad_()
    return student, teacher, make_batch(torch.zeros(rows, dtype=torch.int64))


def pairs(settings: Settings) -> Table:
    rows = []
    for name in CASES:
        shared = {"case": name, "rows": settings.sized(SAMPLES, 128)}
        target = f"{__name__}:losses"
        alone = process.call(settings, target, sides=["ours"], repeats=1, **shared)
        both = process.call(settings, target, sides=["whole", "ours"], repeats=min(TURNS, settings.repeats), **shared)
        row = {
            "loss": name,
            "samples": shared["rows"],
            **{f"{side}_s": float(np.median(both[side])) for side in ("ours", "whole")},
            **spread("ratio", trainings.ratios(both["ours"], both["whole"])),
            "extra_mib": alone["extra_mib"],
            "whole_mib": both["extra_mib"],
        }
        rows.append(judge(row, ratio="<= 1.3", extra_mib="<= 400"))
        say("limits", rows[-1])
    return Table(PAIRS_ABOUT, rows)


def losses(case: str, rows: int, sides: list[str], repeats: int) -> dict[str, Any]:
    """Seconds of each side turn by turn, and the peak beyond the inputs."""
    chosen = CASES[case]
    method = chosen.create()
    for side in sides:
        chosen.step(side, method, *inputs(WARM_UP_ROWS))
    made = inputs(rows)
    before = devices.reset_host_peak()
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            method.zero_grad(set_to_none=True)
            for leaf in (made[0].logits, *made[0].hidden):
                leaf.grad = None
            started = process.now()
            chosen.step(side, method, *made)
            times[side].append(process.now() - started)
    return {**times, "extra_mib": devices.host_peak_mib() - before}


def edges(settings: Settings) -> Table:
    rows = []
    for kernel in KERNELS:
        answer = process.call(
            settings,
            f"{__name__}:local",
            kernel=kernel,
            nodes=settings.arxiv_nodes,
            repeats=settings.repeats,
        )
        row = {
            "loss": f"lsp {kernel}",
            "edges": answer["edges"],
            "first_s": answer["seconds"][0],
            "epoch_s": float(np.median(answer["seconds"][1:])),
            "extra_mib": answer["extra_mib"],
        }
        rows.append(judge(row, extra_mib="<= 600"))
        say("limits", rows[-1])
    return Table(EDGES_ABOUT, rows)


def local(kernel: str, nodes: int, repeats: int) -> dict[str, Any]:
    """Seconds of every step of LSP on the whole graph, and its peak beyond the inputs."""
    task = data.arxiv_sized(nodes)
    feed = choose.create(task, trainings.CPU, "all")
    teacher = data.signals(nodes, NETWORK, 2)
    (step,) = next(feed.steps(Streams(0, "student", trainings.CPU), teacher))
    assert step.batch is not None
    h = data.signals(nodes, NETWORK, 1).last.requires_grad_()
    student = Signals(teacher.logits, (h,))
    method = methods.create("lsp", teacher=NETWORK, student=NETWORK, kernel=kernel)
    tiny = inputs(WARM_UP_ROWS)
    method(tiny[0], tiny[1], make_batch([0] * WARM_UP_ROWS, [[0, 1], [1, 2]]))["lsp"].backward()
    before = devices.reset_host_peak()
    seconds = []
    for _ in range(repeats + 1):
        started = process.now()
        torch.autograd.grad(method(student, teacher, step.batch)["lsp"], h)
        seconds.append(process.now() - started)
    return {"seconds": seconds, "edges": step.batch.edge_index.shape[1], "extra_mib": devices.host_peak_mib() - before}
