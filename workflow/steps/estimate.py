"""`abkd-bench estimate`: how many trainings a configuration takes, and how long, much disk and memory here."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reports.printing import duration
from reports.rows import Status
from workflow import config as configuration
from workflow import prepared
from workflow.ledger import Ledger
from workflow.run import Run
from workflow.specs import CellSpec, TeacherSpec

SHORT, LONG = 2, 6
"""Epochs of the two trainings that a cost is measured by: their difference is free of what a start takes."""
Spec = TeacherSpec | CellSpec


@dataclass(frozen=True)
class Cost:
    """What one training takes.

    Attributes:
        start: seconds before the first epoch and behind the last one.
        epoch: seconds.
        disk: bytes of weights and knowledge.
        memory_mb: MiB at its peak.
    """

    start: float
    epoch: float
    disk: int
    memory_mb: float

    def seconds(self, spec: Spec) -> float:
        """Of a training that uses all its epochs."""
        return self.start + self.epoch * spec.training.epochs

    def scaled(self, factor: float) -> Cost:
        """The same with epochs that take `factor` times as long."""
        return Cost(self.start, self.epoch * factor, self.disk, self.memory_mb)


Measure = Callable[[Spec], Cost]


@dataclass(frozen=True)
class Estimate:
    """Of one dataset.

    Attributes:
        trainings: number of those that are left to do.
        seconds, disk, memory_mb: of all of them together, and of the largest; None where the data are not prepared.
    """

    dataset: str
    trainings: int
    seconds: float | None = None
    disk: int = 0
    memory_mb: float = 0.0


def costs(specs: list[Spec], measure: Measure) -> dict[str, Cost]:
    """Key -> cost of every teacher and cell of one dataset, of as few measurements as say something of each.

    Every teacher is measured, every method on the first student, and the first method on every student; what a method
    takes on another student is what the first one takes there, times what it took on the first student.
    """
    teachers = [spec for spec in specs if isinstance(spec, TeacherSpec)]
    cells = [spec for spec in specs if isinstance(spec, CellSpec)]
    found = {spec.key: measure(spec) for spec in teachers}
    if not cells:
        return found
    first = cells[0]
    on_first = {spec.method: measure(spec) for spec in cells if _student(spec) == _student(first)}
    base = on_first[first.method]
    students: dict[tuple[str, ...], Cost] = {_student(first): base}
    for spec in cells:
        if _student(spec) not in students:
            students[_student(spec)] = measure(spec).scaled(_factor(on_first.get(spec.method), base) ** -1)
    for spec in cells:
        found[spec.key] = students[_student(spec)].scaled(_factor(on_first.get(spec.method), base))
    return found


def _student(spec: CellSpec) -> tuple[str, ...]:
    return spec.variant, spec.teacher, spec.sized


def _factor(cost: Cost | None, base: Cost) -> float:
    """How many times the epochs of `base` those of a method take; 1 where nothing is known."""
    return cost.epoch / base.epoch if cost and base.epoch > 0 and cost.epoch > 0 else 1.0


class Calibration:
    """Measures by training for a few epochs in a folder that is then removed."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder
        self.teachers: dict[str, Path] = {}

    def __call__(self, spec: Spec) -> Cost:
        """One training of SHORT and one of LONG epochs."""
        short, long = (self._train(spec, epochs) for epochs in (SHORT, LONG))
        epoch = max(long[0] - short[0], 0.0) / (LONG - SHORT)
        return Cost(max(short[0] - SHORT * epoch, 0.0), epoch, long[1], max(short[2], long[2]))

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


def estimate(run: Run, calibration: Measure) -> list[Estimate]:
    """One entry per dataset, of what is left to do."""
    left = Counter(training.spec.key for training in Ledger(run) if training.record is None)
    found = []
    for dataset in run.datasets:
        specs = [spec for spec in run.plan.specs if spec.dataset == dataset]
        count = sum(left[spec.key] for spec in specs)
        if not count or not prepared.is_by(Path(run.task(dataset)).parent, run.loader_code(dataset)):
            found.append(Estimate(dataset, count, None if count else 0.0))
            continue
        each = costs(specs, calibration)
        seconds = sum(left[spec.key] * each[spec.key].seconds(spec) for spec in specs)
        disk = sum(left[spec.key] * each[spec.key].disk for spec in specs)
        found.append(Estimate(dataset, count, seconds, disk, max(cost.memory_mb for cost in each.values())))
    return found


def told(run: Run, found: list[Estimate], trainings: int, processes: int) -> list[str]:
    """The answer, line by line.

    Args:
        trainings: of the whole run.
        processes: trainings beside each other on this machine.
    """
    left = sum(one.trainings for one in found)
    teachers, cells = len(run.plan.teachers), len(run.plan.cells)
    lines = [f"{trainings} trainings of {teachers} teachers and {cells} cells; {trainings - left} are done"]
    timed = [one for one in found if one.seconds is not None]
    for one in timed:
        if one.trainings:
            lines.append(
                f"{one.dataset}: {one.trainings} trainings, {duration(one.seconds or 0.0)} one after the other"
            )
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


def call(arguments: argparse.Namespace) -> None:
    """Prints the estimate. Raises UserError where the configuration cannot run."""
    run = Run(configuration.load(arguments.config), str(arguments.config))
    run.check()
    planned = sum(
        len(configuration.parse_seeds(block))
        for key in (*run.plan.teachers, *run.plan.cells)
        for block in run.blocks(key)
    )
    processes = max((os.cpu_count() or 1) // run.threads, 1) if not run.gpus else run.gpus
    with tempfile.TemporaryDirectory() as folder:
        found = estimate(run, Calibration(run, Path(folder)))
    print("\n".join(told(run, found, planned, processes)))
