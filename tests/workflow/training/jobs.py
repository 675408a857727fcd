"""Jobs of trainings without Snakemake, on tasks of a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workflow.specs import CellSpec, TeacherSpec
from workflow.training.block import Block, Place
from workflow.training.records import Record


def block(spec: TeacherSpec | CellSpec, folder: Path, name: str, **changes: Any) -> Block:
    """A job on FOLDER/task that leaves its records in FOLDER/NAME; its teacher is FOLDER/teacher."""
    teacher = folder / "teacher" if isinstance(spec, CellSpec) else None
    place = {"task": folder / "task", "output": folder / name, "device": "cpu", "teacher": teacher, **changes}
    return Block(spec, Place(**place))


def train(spec: TeacherSpec | CellSpec, folder: Path, name: str, seeds: Sequence[int], **changes: Any) -> list[Record]:
    """The records of a job."""
    return block(spec, folder, name, **changes).run(f"{seeds[0]}-{seeds[-1]}", list(seeds))


def rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Their rows as a table holds them."""
    return [record.row.model_dump(mode="json") for record in records]
