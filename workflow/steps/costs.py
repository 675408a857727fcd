"""What one training takes, and of few measurements what all trainings of a dataset take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workflow.specs import CellSpec, TeacherSpec

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


def samples(specs: list[Spec]) -> list[Spec]:
    """As few trainings of one dataset as say something of each: see `costs`."""
    cells = [spec for spec in specs if isinstance(spec, CellSpec)]
    on_first = [spec for spec in cells if _student(spec) == _student(cells[0])]
    others = {_student(spec): spec for spec in reversed(cells) if _student(spec) != _student(cells[0])}
    return [*(spec for spec in specs if isinstance(spec, TeacherSpec)), *on_first, *reversed(others.values())]


def costs(specs: list[Spec], measure: Measure) -> dict[str, Cost]:
    """Key -> cost of every teacher and cell of one dataset, of the measurements of `samples`.

    Every teacher is measured, every method on the first student, and the first method on every student; what a method
    takes on another student is what the first one takes there, times what it took on the first student.
    """
    found = {spec.key: measure(spec) for spec in samples(specs)}
    cells = [spec for spec in specs if isinstance(spec, CellSpec)]
    if not cells:
        return found
    base = found[cells[0].key]
    on_first = {spec.method: found[spec.key] for spec in cells if _student(spec) == _student(cells[0])}
    students = {
        _student(spec): found[spec.key].scaled(_factor(on_first.get(spec.method), base) ** -1)
        for spec in reversed(cells)
        if spec.key in found
    }
    told = {spec.key: students[_student(spec)].scaled(_factor(on_first.get(spec.method), base)) for spec in cells}
    return told | found


def _student(spec: CellSpec) -> tuple[str, ...]:
    return spec.variant, spec.teacher, spec.sized


def _factor(cost: Cost | None, base: Cost) -> float:
    """How many times the epochs of `base` those of a method take; 1 where nothing is known."""
    return cost.epoch / base.epoch if cost and base.epoch > 0 and cost.epoch > 0 else 1.0
