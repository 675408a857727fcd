"""A small configuration that is right, changes of it, and specs of jobs by hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import methods
from workflow import plan as planning
from workflow.config import complete
from workflow.specs import CellSpec, Network, Plan, TeacherSpec, TrainingSettings

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "config").glob("*.yaml"))

GOOD: dict[str, Any] = {
    "title": "A test",
    "seeds": 2,
    "models": {"big": {"model": "gcn", "layers": 3, "width": 64}, "small": {"model": "gcn"}},
    "methods": {"supervised": None, "kd": None, "gcrd-cold": {"method": "gcrd", "tau2": 0.05}},
    "experiments": [
        {"dataset": "ace-sim-mini", "teachers": ["big"], "students": [{"model": "small", "ratios": [4, 8]}]}
    ],
}


def change(path: str, value: Any) -> dict[str, Any]:
    """GOOD with another value at a path such as `experiments/0/dataset`."""
    config = copy.deepcopy(GOOD)
    *parents, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    place: Any = config
    for part in parents:
        place = place[part]
    place[last] = value
    return config


def plan_of(config: dict[str, Any]) -> Plan:
    return planning.build(complete(config, "x.yaml"), "x.yaml")


def cell_of(plan: Plan, method: str) -> CellSpec:
    """The first cell of a method."""
    return next(spec for spec in plan.cells.values() if spec.method == method)


def teacher_spec(
    dataset: str, name: str, model: Network, training: TrainingSettings, params: int, embeddings: int = 0
) -> TeacherSpec:
    """A teacher with so many parameters, and so many more in learned embeddings."""
    return TeacherSpec(
        dataset=dataset,
        teacher=name,
        model=model,
        training=training,
        params=params,
        params_with_embeddings=params + embeddings,
    )


def cell_spec(
    teacher: TeacherSpec, student: str, model: Network, method: str, params: int, embeddings: int = 0, **changes: Any
) -> CellSpec:
    """A student of a teacher by a method, trained as the teacher is."""
    values = {
        "dataset": teacher.dataset,
        "teacher": teacher.teacher,
        "teacher_model": teacher.model,
        "teacher_hash": "of no importance",
        "variant": teacher.variant,
        "taught_by": teacher.key,
        "teacher_params": teacher.params,
        "teacher_params_with_embeddings": teacher.params_with_embeddings,
        "student": student,
        "student_params": params,
        "student_params_with_embeddings": params + embeddings,
        "ratio_target": None,
        "model": model,
        "training": teacher.training,
        "method": method,
        "method_id": method,
        "taught": methods.taught(changes.get("method_id", method)),
        "hyperparameters": {},
        "distill_on": "train",
    }
    return CellSpec(**{**values, **changes})
