"""What a run has, lacks, and holds that no longer belongs to it. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reports.rows import FIDELITY, SCORES, Measurement, Row, Status
from workflow import catalog, prepared
from workflow.config import parse_seeds
from workflow.run import Run
from workflow.sealed import Sealed
from workflow.specs import CellSpec, TeacherSpec
from workflow.training.records import DamagedError, Record, Records


@dataclass(frozen=True)
class Training:
    """One training of a run's plan.

    Attributes:
        key: of the teacher or the cell.
        block: the seeds of its job, such as "0-9".
        records: its folder.
        log: of its job.
        record: what it has left; None where that is missing, damaged or stale.
        trouble: why there is no record; "" where it has just not been trained.
    """

    spec: TeacherSpec | CellSpec
    block: str
    seed: int
    records: Records
    log: str
    record: Record | None
    trouble: str = ""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.spec.key}, seed {self.seed}"

    @property
    def row(self) -> Row:
        """Its row; where there is no record one that says so."""
        if self.record:
            return self.record.row
        facts = catalog.facts(self.spec.dataset)
        numbers: dict[str, Any] = dict.fromkeys((*SCORES, *FIDELITY))
        return Row(
            **self.spec.columns,
            **numbers,
            task=str(facts.kind),
            metric=facts.metric,
            seed=self.seed,
            status=Status.MISSING,
            reason=self.trouble or (f"not trained; see {self.log}" if Path(self.log).exists() else "not begun"),
            best_epoch=None,
            epochs=0,
            seconds=0.0,
            peak_memory_mb=0.0,
            device="",
            threads=0,
            commit="",
            versions="",
        )


class Measured(Sealed):
    """A file of measurements: what the step `measure` leaves behind for one dataset.

    Attributes:
        data: fingerprint of the task that the networks answered for.
        device: type of the device that they answered on, such as "cpu".
    """

    data: str
    device: str
    rows: list[Measurement]


def prepared_task(run: Run, dataset: str) -> dict[str, Any]:
    """What the file of a prepared task says; {} where it is not whole, or by other code or from other files."""
    return prepared.told(Path(run.task(dataset)).parent, run.loader_code(dataset), run.data_settings(dataset))


class Ledger:
    """Every training of a run's plan, held against what lies on disk.

    Args:
        run: the planned run.

    Attributes:
        fingerprints: dataset -> fingerprint of its prepared task, "" where there is none, or none by today's code.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.fingerprints = {dataset: self._fingerprint(dataset) for dataset in run.datasets}
        self._teacher = cache(self._teacher_record)

    def __iter__(self) -> Iterator[Training]:
        return iter(self._trainings)

    @cached_property
    def _trainings(self) -> list[Training]:
        return list(self._read())

    def _read(self) -> Iterator[Training]:
        for key in (*self.run.plan.teachers, *self.run.plan.cells):
            spec, records = self.run.plan.spec(key), Records(Path(self.run.folder(key)))
            for block in self.run.blocks(key):
                for seed in parse_seeds(block):
                    record, trouble = self._find(spec, records, seed)
                    yield Training(spec, block, seed, records, self.run.log(key, block), record, trouble)

    def measured(self, dataset: str) -> tuple[list[Measurement], str]:
        """The measurements of a dataset, and why there are none; "" where they are those that are planned."""
        file = Path(self.run.measurement(dataset))
        try:
            found = Measured.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return [], "missing"
        except (OSError, ValidationError) as error:
            return [], f"damaged: {str(error).splitlines()[0]}"
        trouble = self._measured_otherwise(dataset, found)
        return ([], trouble) if trouble else (found.rows, "")

    def _measured_otherwise(self, dataset: str, found: Measured) -> str:
        """What a file of measurements rests on that this run does not; "" for nothing."""
        if not found.intact:
            return "damaged: is not as its job has left it"
        if found.data != self.fingerprints[dataset]:
            return "stale: rests on another data than this run"
        if (devices := self._devices(dataset)) and found.device not in devices:
            return "stale: rests on another device than this run"
        wanted = [(dataset, each.role, each.name, each.ratio_target) for each in self.run.plan.networks(dataset)]
        same = [(row.dataset, row.role, row.model, row.ratio_target) for row in found.rows] == wanted
        return "" if same else "stale: holds other networks than this run"

    def _devices(self, dataset: str) -> set[str]:
        """Types of the devices of a dataset's trainings: where they may differ, those that there are."""
        if self.run.config.device != "auto":
            return {self.run.config.device}
        return {each.record.basis.device for each in self if each.record and each.spec.dataset == dataset}

    def _fingerprint(self, dataset: str) -> str:
        return str(prepared_task(self.run, dataset).get("fingerprint", ""))

    def _find(self, spec: TeacherSpec | CellSpec, records: Records, seed: int) -> tuple[Record | None, str]:
        """The record of a training, or why there is none."""
        try:
            record = records.read(seed)
        except DamagedError as damage:
            return None, f"damaged: {damage}"
        if record is None:
            return None, ""
        wanted = {
            "training": records.folder.name,
            "data": self.fingerprints[spec.dataset],
            "teacher": self._known(spec, seed),
            "device": record.basis.device if self.run.config.device == "auto" else self.run.config.device,
        }
        if not wanted["data"]:
            return None, f"stale: {spec.dataset} is not prepared, or by other code or from other files than now"
        others = [name for name, value in record.basis.model_dump().items() if value != wanted[name]]
        if others:
            return None, f"stale: rests on another {' and '.join(others)} than this run"
        return record, ""

    def _known(self, spec: TeacherSpec | CellSpec, seed: int) -> str:
        """Digest of what the teacher of a training knows."""
        if isinstance(spec, TeacherSpec):
            return ""
        teacher = self._teacher(spec.taught_by, seed)
        return teacher.knowledge if teacher else "of a teacher that has no record"

    def _teacher_record(self, key: str, seed: int) -> Record | None:
        return self._find(self.run.plan.teachers[key], Records(Path(self.run.folder(key))), seed)[0]
