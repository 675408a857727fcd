"""The command line of a training job, as Snakemake's rules write it."""

from __future__ import annotations

from pathlib import Path

from workflow import identity
from workflow.files import write_text
from workflow.specs import CellSpec, Plan, TeacherSpec
from workflow.training.records import Record, Records

TRAIN = "workflow.steps.train"


def folder_of(spec: TeacherSpec | CellSpec, place: Path, threads: int) -> Path:
    """The folder of its records below a place."""
    return place / identity.of(spec, threads)


def arguments(
    spec: TeacherSpec | CellSpec, task: Path, place: Path, seeds: str, threads: int, teacher: Path | None = None
) -> list[str]:
    """Of `workflow.steps.train`; records go to `folder_of(spec, place, threads)`."""
    plan = Plan(teachers={spec.key: spec}) if isinstance(spec, TeacherSpec) else Plan(cells={spec.key: spec})
    write_text(place / "plan.json", plan.model_dump_json())
    taught = ["--teacher", str(teacher)] if teacher else []
    places = ["--plan", str(place / "plan.json"), "--task", str(task), *taught]
    machine = ["--device", "cpu", "--threads", str(threads)]
    return [spec.key, str(folder_of(spec, place, threads)), "--seeds", seeds, *places, *machine]


def records(folder: Path) -> list[Record]:
    """All records of a folder."""
    seeds = (int(file.stem.removeprefix("seed~")) for file in (folder / "trainings").glob("seed~*.json"))
    return [record for seed in sorted(seeds) if (record := Records(folder).read(seed))]
