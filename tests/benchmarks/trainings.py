"""Epochs of the project's own training, one at a time, so that they can be timed."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

import methods
from methods.contract import Method, Signals
from methods.rehearsal import begun
from tests.benchmarks.data import facts_of
from tests.benchmarks.process import SETTLING, alternate, timed
from workflow.environment import JOB_ENVIRONMENT
from workflow.models.model import Dropout, create
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training import loop, optimizers
from workflow.training.feeds import choose
from workflow.training.feeds.step import Feed, Step
from workflow.training.knowledge import load_knowledge
from workflow.training.seeds import Streams

CPU = torch.device("cpu")


def keep_freed_memory() -> None:
    """Makes this process as `workflow.environment` makes a job's, which is started with what is set here afterwards."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None  # musl has none
    if mallopt:
        m_trim_threshold, m_mmap_threshold = -1, -3  # as <malloc.h> numbers them
        mallopt(m_mmap_threshold, int(JOB_ENVIRONMENT["MALLOC_MMAP_THRESHOLD_"]))
        mallopt(m_trim_threshold, -1)


def load(folder: Path) -> tuple[Task, Signals]:
    """What `data.save` wrote."""
    task = Task.load(folder / "task")
    return task, load_knowledge(folder / "knowledge.safetensors", task.fingerprint)


@dataclass
class Prepared:
    """A training that stands before its first epoch."""

    feed: Feed
    run: loop._Run
    dropout: Dropout
    steps: Iterator[Iterable[Step]]
    """Those of one epoch at each `next`."""


def prepared(
    task: Task,
    spec: dict[str, Any],
    method_id: str | None = None,
    teacher: Signals | None = None,
    distill_on: str = "train",
    hyperparameters: Mapping[str, Any] | None = None,
    device: torch.device = CPU,
) -> Prepared:
    """A training of seed 0; without a method as a teacher is trained."""
    training = TrainingSettings()
    feed = choose.create(task, device, distill_on, training)
    model = create(spec, facts_of(task)).to(device)
    method: Method | None = None
    if method_id and teacher:
        method = methods.create(method_id, teacher=teacher.shape, student=model.shape, **(hyperparameters or {}))
        begun(method, feed.taught, len(teacher.last)).to(device)
    optimizer = optimizers.create([*model.parameters(), *(method.parameters() if method else ())], training)
    streams = Streams(0, "student", device)
    dropout = Dropout(streams.generator("dropout"))
    return Prepared(feed, loop._Run(model, method, optimizer, streams), dropout, feed.steps(streams, teacher))


def epochs(
    task: Task,
    spec: dict[str, Any],
    method_id: str | None = None,
    teacher: Signals | None = None,
    distill_on: str = "train",
    hyperparameters: Mapping[str, Any] | None = None,
    kept: bool = True,
    device: torch.device = CPU,
) -> Iterator[None]:
    """Trains and evaluates an epoch at each `next`; without a method as a teacher is trained.

    Args:
        kept: whether the process keeps freed memory, as a job does. What then lies idle hides what is needed, so that
            memory is measured without.
    """
    if kept:
        keep_freed_memory()
    made = prepared(task, spec, method_id, teacher, distill_on, hyperparameters, device)
    for number, steps in enumerate(made.steps, start=1):
        loop._epoch(made.run, number, steps, made.dropout, task.objective)
        made.run.losses.read()
        loop.score(made.run.model, made.feed, "valid")
        yield


def in_turns(sides: Mapping[str, Iterator[None]], repeats: int, settling: int = SETTLING) -> dict[str, list[float]]:
    """Seconds of each side, turn by turn, so that a busy machine slows all of them; the first are not counted."""
    return alternate({name: partial(timed, side) for name, side in sides.items()}, repeats, settling)


def seconds(side: Iterator[None], repeats: int, settling: int = SETTLING) -> list[float]:
    """Seconds of every epoch after the first ones."""
    return in_turns({"": side}, repeats, settling)[""]


def ratios(numerator: list[float], denominator: list[float]) -> list[float]:
    """Turn by turn."""
    return [a / b for a, b in zip(numerator, denominator, strict=True)]
