"""A full-graph training step as the host launches it, kernel by kernel, and replayed as one CUDA graph.

The training loop launches. A graph would pay where the host is the limit (narrow networks), and asks for what the loop
does not do: a learning rate on the device, a capture for every epoch that a method sees, caches that a replay renews.
What these rows say decides whether it is worth that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from methods.contract import Signals
from tests.benchmarks import data, process, trainings
from tests.benchmarks.gpu import card
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, say
from workflow.task import Task
from workflow.training import loop
from workflow.training.losses import Losses

LONG = True
STUDENTS: list[tuple[dict[str, Any], str]] = [
    *(({"model": "gcn", "layers": 2, "width": width}, "supervised") for width in (16, 64, 256)),
    *(({"model": "gcn", "layers": 2, "width": 16}, method) for method in ("kd", "fitnet", "abkd")),
    ({"model": "sage", "layers": 2, "width": 64}, "supervised"),
    ({"model": "gat", "layers": 2, "width": 64, "heads": 4}, "supervised"),
]
STEPS, TURNS, SETTLING = 50, 3, 3

ABOUT = (
    f"Training steps, without evaluations, on a generated graph of ogbn-arxiv's size: {STEPS} steps as the host "
    "launches them and as replays of one CUDA graph, turn by turn, median of the turns. `same`: whether both lead to "
    "the same weights to the last bit. Without a GPU both sides launch."
)


def run(settings: Settings) -> list[Table]:
    device = card.device()
    task = data.arxiv_sized(settings.arxiv_nodes)
    known = data.teacher_signals(task)
    rows: list[Row] = []
    for spec, method in STUDENTS:
        rows.append(_compare(task, known, spec, method, device, 1 if settings.quick else STEPS))
        say("gpu_replay", rows[-1])
    return [Table(ABOUT, rows)]


def _compare(task: Task, known: Signals, spec: dict[str, Any], method: str, device: torch.device, steps: int) -> Row:
    name = {"network": f"{spec['model']} {spec['layers']}x{spec['width']}", "method": method}
    launched, replayed = (_Training(trainings.prepared(task, spec, method, known, device=device)) for _ in range(2))
    replayed.start_as(launched)
    launched.settle()
    try:
        replay = replayed.captured()
    except RuntimeError as error:
        return name | {"launched_ms": None, "replayed_ms": None, "ratio": None, "note": str(error).splitlines()[0]}
    sides = {
        side: lambda step=step: card.once(lambda: [step() for _ in range(steps)]) / steps
        for side, step in (("launched", launched.step), ("replayed", replay))
    }
    times = process.alternate(sides, TURNS, settling=1)
    one, other = (sorted(times[side])[TURNS // 2] for side in sides)
    pairs = zip(launched.weights(), replayed.weights(), strict=True)
    return name | {
        "launched_ms": 1000 * one,
        "replayed_ms": 1000 * other,
        "ratio": one / other,
        "same": all(torch.equal(a, b) for a, b in pairs),
    }


class _Training:
    """The one step of a full-graph training."""

    def __init__(self, made: trainings.Prepared) -> None:
        self.made = made
        (self.only,) = next(made.steps)

    def weights(self) -> list[torch.Tensor]:
        return [parameter.detach() for parameter in self.made.run.optimizer.parameters]

    def start_as(self, other: _Training) -> None:
        """First weights are not drawn from the training's own streams here."""
        mine, theirs = self.made.run, other.made.run
        mine.model.load_state_dict(theirs.model.state_dict())
        if mine.method and theirs.method:
            mine.method.load_state_dict(theirs.method.state_dict())

    def step(self) -> None:
        run = self.made.run
        loop._epoch(run, 1, [self.only], self.made.dropout, self.made.feed.task.objective)
        run.losses = Losses()  # whose values nobody asks for

    def settle(self) -> None:
        """First steps, in which kernels are compiled and the optimizer makes its moments."""
        for _ in range(SETTLING):
            self.step()

    def captured(self) -> Callable[[], None]:
        """The step as a graph, after the first steps: it is recorded, and not taken.

        Raises:
            RuntimeError: a step waits for the device, or does what a graph cannot hold.
        """
        if not torch.cuda.is_available():
            self.settle()
            return self.step
        # What runs before a capture must not share the stream that is recorded.
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            self.settle()
        torch.cuda.current_stream().wait_stream(aside)
        optimizer = self.made.run.optimizer.dense
        assert optimizer is not None
        for group in optimizer.param_groups:
            group["capturable"] = True
        graph = torch.cuda.CUDAGraph()
        for generator in self.made.run.streams._torch.values():
            if generator.device.type == "cuda":
                graph.register_generator_state(generator)
        with torch.cuda.graph(graph):
            self.step()
        return graph.replay
