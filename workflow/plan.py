"""From a configuration to every job of a run.

`build` constructs each network (on no device) and each method once, so that whatever could not run is told before the
first job starts. That needs torch; `cached` therefore runs it in a process of its own and keeps the answer, so that
Snakemake itself starts quickly.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow import config as configuration
from workflow.errors import UserError
from workflow.files import digest, write_json

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(".snakemake/plans")
SOURCES = ("methods", "abkd", "baselines", "workflow")


def cached(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The plan of a complete configuration, computed anew only when it or the code behind it has changed.

    Raises:
        UserError: something that cannot run; see `build`.
    """
    code = hashlib.sha256()
    for path in sorted(
        p for source in SOURCES for p in (ROOT / source).rglob("*.[py]*") if p.suffix in (".py", ".yaml")
    ):
        code.update(path.read_bytes())
    code.update(Path(__file__).read_bytes())
    file = CACHE / f"{digest([config, code.hexdigest()])}.json"
    if not file.exists():
        answer = subprocess.run(
            [sys.executable, "-m", "workflow.plan", where],
            input=json.dumps(config),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if answer.returncode:
            raise UserError(answer.stderr.strip().removeprefix("error: "))
        write_json(file, json.loads(answer.stdout))
    return json.loads(file.read_text())


def build(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """All teachers and cells of a run.

    Returns:
        {"teachers": {"DATASET/TEACHER": spec}, "cells": {"DATASET/TEACHER/STUDENT/METHOD": spec},
        "methods": {label: {"title", "year", "citations"}}}; STUDENT is `NAMExWIDTH` with `~RATIOx` behind it where a
        ratio was wanted. A spec is all that one job needs to know.

    Raises:
        UserError: a model option or hyperparameter that is refused, a ratio that no width reaches, a student that is
            not smaller than its teacher, or a cell that is listed twice.
    """
    from workflow import catalog
    from workflow.models import sizes

    plan: dict[str, Any] = {"teachers": {}, "cells": {}, "methods": _titles(config, where)}
    for number, experiment in enumerate(config["experiments"]):
        here = f"{where}: experiments[{number}]"
        dataset = experiment["dataset"]
        facts = catalog.facts(dataset)
        for name in experiment["teachers"]:
            teacher = _teacher(config, dataset, name)
            try:
                size = sizes.measure(teacher["model"], facts)
            except UserError as error:
                raise UserError(f"{where}: models.{name}: {error}") from error
            teacher |= {"params": size.params, "params_with_embeddings": size.params_with_embeddings}
            plan["teachers"][f"{dataset}/{name}"] = teacher
            for index, students in enumerate(experiment["students"]):
                for student in _students(config, students, facts, size, f"{here}.students[{index}]"):
                    _add_cells(plan, config, experiment, teacher, student, facts, size.shape, where, here)
    return plan


def _titles(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Titles of the methods by label; a label that is not the id tells its variant in parentheses.

    Raises:
        UserError: a composition names a method twice, or a method's file cannot be loaded or lacks what it must state.
    """
    import methods

    titles = {}
    for label, settings in config["methods"].items():
        identity = configuration.method_id(label, settings)
        try:
            described = methods.describe(identity)
        except Exception as error:  # whatever a new file may raise on its import
            raise UserError(f"{where}: methods.{label}: {type(error).__name__}: {error}") from error
        if label != identity:
            described["title"] += f" ({label.removeprefix(identity).strip('-')})"
        titles[label] = described
    return titles


def _network(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in config["models"][name].items() if key != "training"}


def _training(config: Mapping[str, Any], *levels: Mapping[str, Any]) -> dict[str, Any]:
    settings = configuration.training_defaults() | config.get("training", {})
    for level in levels:
        settings |= level.get("training", {})
    return settings


def _teacher(config: Mapping[str, Any], dataset: str, name: str) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "teacher": name,
        "model": _network(config, name),
        "training": _training(config, config["models"][name]),
    }


def _students(config: Mapping[str, Any], entry: Mapping[str, Any], facts: Any, teacher: Any, here: str) -> list[Any]:
    from workflow.models import sizes

    name = entry["model"]
    network = _network(config, name)
    wanted: list[tuple[float | None, int]] = []
    try:
        if "ratios" in entry:
            key = "ratios"
            wanted = [(r, sizes.solve_width(network, facts, teacher.params, r)) for r in entry["ratios"]]
        else:
            key = "widths"
            wanted = [(None, width) for width in entry["widths"]]
        students = []
        for ratio, width in wanted:
            spec = {**network, "width": width}
            size = sizes.measure(spec, facts)
            if size.params >= teacher.params and not entry.get("larger_than_teacher"):
                raise UserError(
                    f"width {width} has {size.params} parameters, its teacher only {teacher.params}; "
                    "`larger_than_teacher: true` admits it"
                )
            students.append((name, f"{name}x{width}", ratio, spec, size))
    except UserError as error:
        raise UserError(f"{here}.{key}: {error}") from error
    return students


def _add_cells(
    plan: dict[str, Any],
    config: Mapping[str, Any],
    experiment: Mapping[str, Any],
    teacher: Mapping[str, Any],
    student: tuple[Any, ...],
    facts: Any,
    teacher_shape: Any,
    where: str,
    here: str,
) -> None:
    import methods

    name, label, ratio, spec, size = student
    chosen = experiment.get("methods", config["methods"])
    changes = chosen if isinstance(chosen, dict) else {}
    folder = label if ratio is None else f"{label}~{ratio:g}x"
    for method in chosen:
        settings = config["methods"][method]
        identity = configuration.method_id(method, settings)
        hyperparameters = configuration.hyperparameters(settings, changes.get(method))
        key = f"{teacher['dataset']}/{teacher['teacher']}/{folder}/{method}"
        if key in plan["cells"]:
            raise UserError(f"{here}: the cell {key} is listed twice")
        if not methods.skip(identity, _Situation(facts), teacher_shape, size.shape):
            try:
                methods.create(identity, teacher=teacher_shape, student=size.shape, **hyperparameters)
            except (ValueError, TypeError) as error:
                raise UserError(f"{where}: methods.{method}: {error}") from error
        plan["cells"][key] = {
            "dataset": teacher["dataset"],
            "teacher": teacher["teacher"],
            # Another training of the teacher is another cell, whatever stands on disk.
            "teacher_hash": digest(teacher),
            "teacher_params": teacher["params"],
            "teacher_params_with_embeddings": teacher["params_with_embeddings"],
            "student": label,
            "student_params": size.params,
            "student_params_with_embeddings": size.params_with_embeddings,
            "ratio_target": ratio,
            "model": spec,
            "training": _training(config, config["models"][name], experiment),
            "method": method,
            "method_id": identity,
            "hyperparameters": hyperparameters,
            "distill_on": config["distill_on"],
        }


class _Situation:
    """What `Method.skip` may know before the data are there: a graph without edges is told only by the job."""

    def __init__(self, facts: Any) -> None:
        self.kind = facts.kind
        self.objective = facts.objective
        self.num_edges = 1


if __name__ == "__main__":
    try:
        print(json.dumps(build(json.load(sys.stdin), sys.argv[1])))
    except UserError as problem:
        sys.exit(f"error: {problem}")
