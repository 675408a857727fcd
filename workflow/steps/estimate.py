"""`abkd-bench estimate`: how many trainings a configuration takes, and how long, much disk and memory here."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from methods.vocabulary import Objective
from reports.printing import duration
from reports.rows import Status
from workflow import catalog, overrides
from workflow import config as configuration
from workflow.errors import UserError
from workflow.ledger import Ledger, prepared_task
from workflow.run import Run
from workflow.specs import CellSpec, TeacherSpec
from workflow.stated import STATED, GraphSize, of_task, stated
from workflow.steps.costs import Cost, Measure, Spec, costs, samples
from workflow.task import Task
from workflow.training.progress import Bar

MORE = 4
"""Epochs by which the second of the two trainings of a measurement is longer than the first, of one epoch: their
difference is free of what a start takes."""
SLOW = 2.0
"""Seconds of a first training from which on the second is longer by one epoch alone."""
NODES, FEWEST = 200_000, 1000
"""Of the made-up graph."""
LARGE = 100_000
"""Nodes of a graph on which a few whole epochs of mini-batches would take too long."""


class Extrapolating(Protocol):
    """See `workflow.steps.extrapolation.Extrapolation`."""

    def __call__(self, spec: Spec) -> Cost:
        """The cost of one training."""

    def told(self) -> list[str]:
        """What was measured, and where."""


Extrapolated = Callable[[str, GraphSize], Extrapolating]


@dataclass(frozen=True)
class Estimate:
    """Of one dataset.

    Attributes:
        trainings: number of those that are left to do.
        seconds, disk, memory_mb: of all of them together, and of the largest; None where the data are not prepared.
        notes: where the numbers come from.
    """

    dataset: str
    trainings: int
    seconds: float | None = None
    disk: int = 0
    memory_mb: float = 0.0
    notes: tuple[str, ...] = ()


class Calibration:
    """Measures by training for a few epochs in a folder that is then removed."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder
        self.teachers: dict[str, Path] = {}

    def __call__(self, spec: Spec) -> Cost:
        """By a training of one epoch and one of a few more, whose own progress is not told."""
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
            short = self._train(spec, 1)
            more = 1 if short[0] > SLOW else MORE
            long = self._train(spec, 1 + more)
        epoch = max(long[0] - short[0], 0.0) / more
        return Cost(max(short[0] - epoch, 0.0), epoch, long[1], max(short[2], long[2]))

    def _train(self, spec: Spec, epochs: int) -> tuple[float, int, float]:
        """Seconds, bytes and MiB of one training. What cannot be trained takes no time."""
        from workflow.training.block import Block, Place

        few = spec.training.model_copy(update={"epochs": epochs, "patience": 0, "warm_up": 0})
        output = self.folder / f"{spec.key.replace('/', '~')}~{epochs}"
        place = Place(
            task=Path(self.run.task(spec.dataset)).parent,
            output=output,
            device=self.run.config.device,
            threads=self.run.threads,
            teacher=self.teachers.get(spec.taught_by) if isinstance(spec, CellSpec) else None,
            keep_weights=isinstance(spec, TeacherSpec) or self.run.config.keep_weights == "all",
        )
        (record,) = Block(spec.model_copy(update={"training": few}), place).run("0-0", [0])
        if isinstance(spec, TeacherSpec):
            self.teachers[spec.key] = output
        size = sum(file.stat().st_size for file in output.rglob("*.safetensors"))
        seconds = record.row.seconds if record.row.status != Status.SKIPPED else 0.0
        return seconds, size, record.row.peak_memory_mb


def estimate(run: Run, calibration: Measure, extrapolated: Extrapolated) -> list[Estimate]:
    """One entry per dataset, of what is left to do.

    Mini-batches on a large graph are extrapolated, which needs its size alone: the prepared task's, or that which is
    stated.
    """
    left = Counter(training.spec.key for training in Ledger(run) if training.record is None)
    found = []
    for dataset in run.datasets:
        specs = [spec for spec in run.plan.specs if spec.dataset == dataset]
        count = sum(left[spec.key] for spec in specs)
        ready = bool(prepared_task(run, dataset))
        size = None
        if count and _sampled(specs):
            size = of_task(Task.load(Path(run.task(dataset)).parent)) if ready else stated(dataset)
        if size and size.nodes > LARGE:
            found.append(_extrapolated(dataset, specs, left, extrapolated(dataset, size)))
        elif not count or not ready:
            found.append(Estimate(dataset, count, None if count else 0.0))
        else:
            measure = _watched(dataset, len(samples(specs)), calibration)
            found.append(_summed(dataset, specs, left, costs(specs, measure)))
    return found


def _watched(dataset: str, count: int, measure: Measure) -> Measure:
    """The same measurements, with a bar in a terminal and a line now and then in a log."""
    bar, numbers = Bar(f"measuring {dataset}", count, "training", leave=False), itertools.count(1)

    def measured(spec: Spec) -> Cost:
        cost, done = measure(spec), next(numbers)
        bar.tell(done, f"measured {done} of {count} kinds of trainings on {dataset}")
        if done == count:
            bar.bar.close()
        return cost

    return measured


def stand_in(run: Run, names: str, extrapolated: Extrapolated) -> Estimate:
    """All trainings of one dataset on a graph of another one's stated size.

    Args:
        names: DATASET=OTHER.

    Raises:
        UserError: the run has no such dataset, it is not trained in mini-batches, no size of the other is stated, or
            it has labels of another kind.
    """
    dataset, _, other = names.partition("=")
    specs = [spec for spec in run.plan.specs if spec.dataset == dataset]
    if not specs:
        raise UserError(f"--as {names}: unknown dataset '{dataset}'; allowed: {', '.join(run.datasets)}")
    if not _sampled(specs):
        raise UserError(f"--as {names}: {dataset} is not trained with `sampler: neighbour` throughout")
    if other not in STATED:
        raise UserError(f"--as {names}: no size of '{other}' is stated; allowed: {', '.join(STATED)}")
    if STATED[other].targets != (catalog.facts(dataset).objective != Objective.MULTICLASS):
        kinds = ("classes", "targets") if STATED[other].targets else ("targets", "classes")
        raise UserError(f"--as {names}: the labels of {dataset} are {kinds[0]}, those of {other} {kinds[1]}")
    every = Counter(training.spec.key for training in Ledger(run))
    return _extrapolated(f"{dataset} as {other}", specs, every, extrapolated(dataset, STATED[other]))


def _sampled(specs: list[Spec]) -> bool:
    return all(spec.training.sampler == "neighbour" for spec in specs)


def _extrapolated(name: str, specs: list[Spec], left: Counter[str], measure: Extrapolating) -> Estimate:
    each = {spec.key: measure(spec) for spec in specs if left[spec.key]}
    return replace(_summed(name, specs, left, each), notes=tuple(measure.told()))


def _summed(name: str, specs: list[Spec], left: Counter[str], each: dict[str, Cost]) -> Estimate:
    todo = [spec for spec in specs if left[spec.key]]
    seconds = sum(left[spec.key] * each[spec.key].seconds(spec) for spec in todo)
    disk = sum(left[spec.key] * each[spec.key].disk for spec in todo)
    count = sum(left[spec.key] for spec in todo)
    return Estimate(name, count, seconds, disk, max(cost.memory_mb for cost in each.values()))


def told(run: Run, found: list[Estimate], trainings: int, processes: int) -> list[str]:
    """The answer, line by line.

    Args:
        trainings: of the whole run.
        processes: trainings beside each other on this machine.
    """
    left = sum(one.trainings for one in found)
    teachers, cells = len(run.plan.teachers), len(run.plan.cells)
    of = f"{teachers} teacher{'' if teachers == 1 else 's'} and {cells} cells"
    lines = [f"{trainings} trainings of {of}; {trainings - left} are done"]
    return lines + answers(run, found, processes)


def answers(run: Run, found: list[Estimate], processes: int) -> list[str]:
    """Hours, disk and memory, line by line, of each dataset and of all together."""
    lines = []
    timed = [one for one in found if one.seconds is not None]
    for one in timed:
        if one.trainings:
            lines.append(
                f"{one.dataset}: {one.trainings} trainings, {duration(one.seconds or 0.0)} one after the other"
            )
            lines += [f"  {note}" for note in one.notes]
    for one in found:
        if one.seconds is None:
            target = run.task(one.dataset)
            how = f"snakemake {target} --configfile {run.where}"
            lines.append(f"{one.dataset}: {one.trainings} trainings; not timed before the data are prepared: {how}")
    seconds = sum(one.seconds or 0.0 for one in timed)
    if any(one.trainings for one in timed):
        several = "one process" if processes == 1 else f"{processes} processes"
        lines.append(f"time: at most {duration(seconds / processes)} by {several} (early stops make it less)")
        lines.append(f"disk: {sum(one.disk for one in timed) / 1e9:.2f} GB of weights and teachers' knowledge")
        lines.append(f"memory: up to {max(one.memory_mb for one in timed):.0f} MiB a process")
    return lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("config", type=Path, help="config/NAME.yaml")
    overrides.add_argument(parser)
    parser.add_argument(
        "--as",
        dest="stand_in",
        metavar="DATASET=OTHER",
        help=f"estimate DATASET's mini-batches alone, on a graph of another size; OTHER is one of {', '.join(STATED)}",
    )
    parser.add_argument(
        "--nodes", type=int, default=NODES, help="of the made-up graph that large ones are measured by (%(default)s)"
    )


def call(arguments: argparse.Namespace) -> None:
    """Prints the estimate. Raises UserError where the configuration cannot run."""
    from workflow.steps.extrapolation import Extrapolation

    if arguments.nodes < FEWEST:
        raise UserError(f"--nodes: must be at least {FEWEST}, not {arguments.nodes}")
    run = Run(overrides.load(arguments.config, arguments.changes), str(arguments.config))
    run.check()
    planned = sum(
        len(configuration.parse_seeds(block))
        for key in (*run.plan.teachers, *run.plan.cells)
        for block in run.blocks(key)
    )
    processes = max((os.cpu_count() or 1) // run.threads, 1) if not run.gpus else run.gpus

    def extrapolated(dataset: str, size: GraphSize) -> Extrapolating:
        return Extrapolation(dataset, size, arguments.nodes, run.config.device, run.threads)

    with tempfile.TemporaryDirectory() as folder:
        if arguments.stand_in:
            lines = answers(run, [stand_in(run, arguments.stand_in, extrapolated)], processes)
        else:
            found = estimate(run, Calibration(run, Path(folder)), extrapolated)
            lines = told(run, found, planned, processes)
    print("\n".join(lines))
