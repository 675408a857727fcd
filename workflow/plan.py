"""From a configuration to every job of a run.

`build` constructs each network (on no device) and each method once, so that whatever could not run is told before the
first job starts. That needs torch; `cached` therefore runs it in a process of its own and keeps the answer, so that
Snakemake itself starts quickly.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from workflow import catalog, sources, tuning, unwatched
from workflow.catalog import Facts
from workflow.config import merged
from workflow.errors import UserError
from workflow.files import digest, read_json, write_text
from workflow.schemas.configuration import Configuration
from workflow.schemas.experiment import Experiment, Student
from workflow.specs import CellSpec, MethodFacts, Network, Plan, TeacherSpec, TrainingSettings
from workflow.tuning import Beside, Told

if TYPE_CHECKING:
    from workflow.models.sizes import Size

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(".snakemake/plans")


def cached(config: Configuration, where: str, stated: Configuration, beside: Beside) -> tuple[Plan, Path]:
    """The plan of a configuration and its file, computed anew only when it or the code behind it has changed.

    `stated` is the configuration without what it takes from a file of tuned values, `beside` what compositions are
    tuned beside. Raises UserError for what cannot run; see `build`.
    """
    states = [catalog.state(experiment.task) for experiment in config.experiments]
    told = [*(known.model_dump(exclude_unset=True, mode="json") for known in (config, stated)), list(beside.items())]
    file = CACHE / f"{digest([told, sources.digest('plan'), states])}.json"
    with contextlib.suppress(OSError, ValueError):  # none yet, or not whole
        return Plan.model_validate_json(file.read_text(encoding="utf-8")), file
    return _planned(told, where, file), file


def _planned(told: list[Any], where: str, file: Path) -> Plan:
    """Plans in a process of its own, and keeps the answer."""
    answer = subprocess.run(
        [sys.executable, "-m", "workflow.plan", where],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if answer.returncode:
        raise UserError(answer.stderr.strip().splitlines()[-1].removeprefix("error: "))
    write_text(file, answer.stdout)
    return Plan.model_validate_json(answer.stdout)


def read_spec(file: Path, key: str) -> TeacherSpec | CellSpec:
    """One spec of a plan's file, without checking the thousands beside it.

    Raises:
        UserError: the file is gone, or was made by other code.
    """
    try:
        raw = read_json(file)
        trials = raw["tuning"] or {"teachers": {}, "cells": {}}
        teachers = {**raw["teachers"], **trials["teachers"]}
        if key in teachers:
            return TeacherSpec.model_validate(teachers[key])
        return CellSpec.model_validate({**raw["cells"], **trials["cells"]}[key])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file}: has no plan of {key}; run snakemake again") from error


def build(config: Configuration, where: str, stated: Configuration | None = None, beside: Beside | None = None) -> Plan:
    """All teachers and cells of a run, and the trials of what was stated. Raises UserError as `_build`."""
    plan, tried = _build(config, where), stated or config
    trials = tuning.checked(_build(tuning.trials(tried, beside), where), where) if tried.tune else None
    return plan.model_copy(update={"tuning": trials})


def _build(config: Configuration, where: str) -> Plan:
    """All teachers and cells of a configuration.

    Raises:
        UserError: a model option or hyperparameter that is refused, a ratio that no width reaches, a student that is
            not smaller than its teacher, a cell listed twice, two teachers of one name, or code that nothing watches.
    """
    import methods
    from workflow import unused
    from workflow.models import sizes

    described = _method_facts(config, where)
    unused.refuse(config, where)
    teachers, cells = dict[str, TeacherSpec](), dict[str, CellSpec]()
    for number, experiment in enumerate(config.experiments):
        here = f"{where}: experiments[{number}]"
        facts = catalog.facts(experiment.task)
        unwatched.refuse(f"{here}.dataset", {"data": [catalog.loader(experiment.task)]})
        for name in experiment.teachers:
            network = config.models[name].network
            try:
                size = sizes.measure(network, facts)
            except UserError as error:
                raise UserError(f"{where}: models.{name}: {error}") from error
            teacher = TeacherSpec(
                dataset=experiment.task,
                teacher=name,
                model=network,
                training=config.training.changed(config.models[name].training),
                params=size.params,
                params_with_embeddings=size.params_with_embeddings,
            )
            teacher.training.check(facts.kind, facts.objective, here)
            _enter(teachers, teacher, here)
            for index, entry in enumerate(experiment.students):
                for student in _students(config, entry, facts, size, f"{here}.students[{index}]"):
                    pair = _Pair(teacher, size, student, facts)
                    for cell in _cells(config, experiment, pair, where):
                        if cell.key in cells:
                            raise UserError(f"{here}: the cell {cell.key} is listed twice")
                        cell.training.check(facts.kind, facts.objective, here)
                        cells[cell.key] = cell
                        if methods.own_size(cell.method_id):
                            _enter(teachers, pair.own_teacher(config, experiment), here)
    layers = {name: _layers(name, where) for name in {str(model.model) for model in config.models.values()}}
    return Plan(teachers=teachers, cells=cells, methods=described, layers=layers)


def _enter(teachers: dict[str, TeacherSpec], teacher: TeacherSpec, here: str) -> None:
    if teachers.setdefault(teacher.key, teacher) != teacher:
        raise UserError(f"{here}: {teacher.key} has two trainings or networks; NAMExWIDTH.own is a student's")


def _layers(model: str, where: str) -> int:
    """Of a network that states none. Raises UserError where its code is not watched."""
    from workflow.models.model import load

    options = inspect.signature(load(model)).parameters
    unwatched.refuse(f"{where}: models: {model}", {"training": [model]})
    return int(options["layers"].default)


def _method_facts(config: Configuration, where: str) -> dict[str, MethodFacts]:
    """Titles of the methods by label, no two alike; a label that is not the id tells its variant in parentheses.

    Raises:
        UserError: a composition names a method twice, or a method's file cannot be loaded or lacks what it must state.
    """
    import methods

    found = {}
    for label in config.methods:
        identity = config.method_id(label)
        try:
            described = methods.describe(identity)
        except Exception as error:  # whatever a new file may raise on its import
            raise UserError(f"{where}: methods.{label}: {type(error).__name__}: {error}") from error
        unwatched.refuse(f"{where}: methods.{label}", {"method": methods.modules(identity)})
        if label != identity:
            described["title"] += f" ({label.removeprefix(identity).strip('-')})"
        described["title"] = config.report.titles.get(label, described["title"])
        found[label] = MethodFacts(**described, defaults=methods.defaults(identity))
    titles = [facts.title for facts in found.values()]
    return {
        label: facts.model_copy(update={"title": f"{facts.title} [{label}]"})
        if titles.count(facts.title) > 1
        else facts
        for label, facts in found.items()
    }


@dataclass(frozen=True)
class _Sized:
    """A student of a certain width."""

    model: str
    ratio: float | None
    network: Network
    size: Size

    @property
    def name(self) -> str:
        return f"{self.model}x{self.network['width']}"


@dataclass(frozen=True)
class _Pair:
    """A student under a teacher."""

    teacher: TeacherSpec
    teacher_size: Size
    student: _Sized
    facts: Facts

    def training(self, config: Configuration, experiment: Experiment) -> TrainingSettings:
        """Of the student."""
        return config.training.changed(config.models[self.student.model].training, experiment.training)

    def own_teacher(self, config: Configuration, experiment: Experiment) -> TeacherSpec:
        """A network like the student, trained as the student is."""
        return TeacherSpec(
            dataset=self.teacher.dataset,
            teacher=f"{self.student.name}.own",
            model=self.student.network,
            training=self.training(config, experiment),
            params=self.student.size.params,
            params_with_embeddings=self.student.size.params_with_embeddings,
        )


def _students(config: Configuration, entry: Student, facts: Facts, teacher: Size, here: str) -> list[_Sized]:
    """The students of one entry. Raises UserError for a width that is refused, or a ratio that none reaches."""
    from workflow.models import model, sizes

    network, students = config.models[entry.model].network, []
    try:
        wanted: list[tuple[float | None, int]] = [(None, width) for width in entry.widths or ()]
        wanted += [(r, sizes.solve_width(network, facts, teacher.params, r)) for r in entry.ratios or ()]
        for ratio, width in wanted:
            sized: Network = {**network, "width": width}
            size = sizes.measure(sized, facts)
            if size.params >= teacher.params and not entry.larger_than_teacher:
                larger = f"width {width} has {size.params} parameters, its teacher only {teacher.params}"
                raise UserError(f"{larger}; `larger_than_teacher: true` admits it")
            students.append(_Sized(entry.model, ratio, sized, size))
    except model.OptionError as error:
        raise UserError(f"{here.rpartition(': ')[0]}: models.{entry.model}: {error}") from error
    except UserError as error:
        raise UserError(f"{here}.{'ratios' if entry.ratios else 'widths'}: {error}") from error
    return students


def _cells(config: Configuration, experiment: Experiment, pair: _Pair, where: str) -> Iterator[CellSpec]:
    """One cell per method of an experiment. Raises UserError for a hyperparameter that is refused."""
    import methods
    from workflow.attempt import attempt

    student = pair.student
    training = pair.training(config, experiment)
    for label, changes in config.chosen(experiment).items():
        identity = config.method_id(label)
        hyperparameters = merged(config.method(label).hyperparameters, changes)
        try:
            own_size = methods.own_size(identity)
            shapes = (student.size if own_size else pair.teacher_size).shape, student.size.shape
            attempt(identity, pair.facts, *shapes, hyperparameters)
        except (ValueError, TypeError) as error:
            raise UserError(f"{where}: methods.{label}: {error}") from error
        teacher = pair.own_teacher(config, experiment) if own_size else pair.teacher
        sampler = teacher.training.sampler
        yield CellSpec(
            dataset=pair.teacher.dataset,
            variant=experiment.distilled(config.distill_on),
            teacher=pair.teacher.teacher,
            taught_by=teacher.key,
            teacher_model=teacher.model,
            teacher_sampler=None if sampler == training.sampler else sampler,
            teacher_hash=digest(teacher.model_dump()),
            teacher_params=pair.teacher.params,
            teacher_params_with_embeddings=pair.teacher.params_with_embeddings,
            student=student.name,
            student_params=student.size.params,
            student_params_with_embeddings=student.size.params_with_embeddings,
            ratio_target=student.ratio,
            model=student.network,
            training=training.times(methods.epochs_factor(identity)),
            method=label,
            method_id=identity,
            taught=methods.taught(identity),
            extras=[str(extra) for extra in methods.teacher_extras(identity)],
            hyperparameters=hyperparameters,
            distill_on=experiment.distill_on or config.distill_on,
        )


def main() -> None:
    """Plans the configuration on standard input; the plan goes to standard output."""
    try:
        config, stated, beside = TypeAdapter(tuple[Configuration, Configuration, Told]).validate_json(sys.stdin.read())
        with contextlib.redirect_stdout(sys.stderr):  # whatever a method's file prints on its import
            plan = build(config, sys.argv[1], stated, dict(beside))
        print(plan.model_dump_json())
    except UserError as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()
