"""Trials of tuning: a run of their own, whose cells are the trials of each method, on other seeds and on blind data."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

import methods
from methods.spaces import design, flat, nested
from reports.settings import Settings
from workflow.config import merged
from workflow.errors import UserError
from workflow.schemas.configuration import Configuration, ConfiguredMethod
from workflow.schemas.experiment import Experiment
from workflow.specs import CellSpec, Hyperparameters, Plan
from workflow.variants import Variant, seeing

FLOOR = Settings().floor
"""Label of the students without a teacher, which stand beside the trials of every method."""

Group = tuple[str, str, str, str]
"""What is chosen for at once: dataset as tables name it, teacher, student of any width, label."""

Statements = dict[Group, tuple[str, Hyperparameters]]
"""Method and stated hyperparameters of all that is chosen for."""
Beside = dict[Group, Hyperparameters | None]
"""What the trials of a composition hold of all its parts but the last: the values chosen for these alone, or None while
that is still to come."""
Told = list[tuple[Group, Hyperparameters | None]]
"""The same as pairs, since keys of JSON are texts."""


class Chosen(Protocol):
    """A `workflow.choices.Choice`, of which no more is asked here."""

    @property
    def method(self) -> str: ...

    @property
    def stated(self) -> Hyperparameters: ...

    @property
    def is_choice(self) -> bool: ...

    @property
    def chosen_values(self) -> Hyperparameters: ...


class _Blind(Experiment):
    """An experiment on data without test labels."""

    @property
    def variant(self) -> Variant:
        return replace(super().variant, blind=True)


def trial_label(label: str, number: int) -> str:
    """Of one trial of a method; the first is number 0."""
    return f"{label}.{number}"


def of_trial(label: str) -> tuple[str, int]:
    """A method's label and the number of its trial."""
    method, _, number = label.rpartition(".")
    return method, int(number)


def group(cell: CellSpec) -> Group:
    """What a trial's cell belongs to."""
    label, _ = of_trial(cell.method)
    return seeing(cell.variant), cell.teacher, cell.family, label


def groups(plan: Plan) -> dict[Group, dict[int, dict[str, CellSpec]]]:
    """The cells of all trials by group, number of the trial and student with its width, as they are planned."""
    found: dict[Group, dict[int, dict[str, CellSpec]]] = {}
    for cell in plan.cells.values():
        _, number = of_trial(cell.method)
        found.setdefault(group(cell), {}).setdefault(number, {})[cell.sized] = cell
    return found


def checked(plan: Plan, where: str) -> Plan:
    """The same. Raises UserError where one choice would be made for students to whom other values are stated."""
    for (dataset, teacher, student, label), trials in groups(plan).items():
        stated: dict[str, list[tuple[str, Hyperparameters]]] = {}
        for cells in trials.values():
            for sized, cell in cells.items():
                stated.setdefault(sized, []).append((cell.method_id, cell.hyperparameters))
        (first, told), *others = stated.items()
        for other, differently in others:
            if differently != told:
                raise UserError(
                    f"{where}: methods.{label}: is stated differently for {first} and {other} under {teacher} on "
                    f"{dataset}; `tune` chooses once for all students of {student}"
                )
    return plan


def without(plan: Plan, left: Collection[Group]) -> Plan:
    """The trials of the other groups, and their teachers."""
    cells = {key: cell for key, cell in plan.cells.items() if group(cell) not in left}
    taught_by = {cell.taught_by for cell in cells.values()}
    teachers = {key: teacher for key, teacher in plan.teachers.items() if key in taught_by}
    return plan.model_copy(update={"teachers": teachers, "cells": cells})


def on_other_seeds(config: Configuration) -> Configuration:
    """A configuration whose seeds are those of its tuning."""
    assert config.tune
    return config.model_copy(update={"first_seed": config.tune.first_seed, "seeds": config.tune.seeds})


def bases(tried: Statements) -> dict[Group, Group]:
    """Of every composition whose parts but the last are tuned as a method of their own, too, that method."""
    found: dict[Group, Group] = {}
    for group, (method, stated) in tried.items():
        first, _, _ = method.rpartition("+")
        own = {key: value for key, value in flat(stated).items() if key[0] in first.split("+")}
        for base, (identity, values) in tried.items() if first else ():
            if (base[:3], identity, flat(_within(first, values))) == (group[:3], first, own):
                found.setdefault(group, base)
    return found


def beside(config: Configuration, chosen: Mapping[Group, Chosen]) -> Beside:
    """What compositions are tuned beside, by what was chosen for their first parts; see `bases`.

    Where the trials of these leave nothing to choose, the composition is tuned as a whole and is not among them.
    """
    found: Beside = {}
    tried = statements(config)
    for group, base in bases(tried).items():
        method, stated = tried[base]
        choice = chosen.get(base)
        if choice is None or (choice.method, choice.stated) != (method, stated):
            found[group] = None
        elif choice.is_choice:
            found[group] = _within(method, choice.chosen_values)
    return found


def _within(method: str, values: Hyperparameters) -> Hyperparameters:
    """A method's own hyperparameters as a composition with it names them."""
    return values if "+" in method else {method: values}


def statements(config: Configuration) -> Statements:
    """Method and stated hyperparameters of all that is chosen for; nothing where nothing is tuned."""
    return {
        group: (config.method_id(group[-1]), stated)
        for experiment in config.experiments
        for teacher in experiment.teachers
        for student in experiment.students
        for group, stated in _tried(config, experiment, teacher, student.model).items()
    }


def _tried(config: Configuration, experiment: Experiment, teacher: str, student: str) -> dict[Group, Hyperparameters]:
    """The same of one teacher and the students of one model."""
    if not config.tune:
        return {}
    place = (experiment.distilled(config.distill_on), teacher, student)
    return {
        (*place, label): merged(config.method(label).hyperparameters, changes)
        for label, changes in config.chosen(experiment).items()
        if label == FLOOR or config.tune.methods is None or label in config.tune.methods
    }


def trials(config: Configuration, held: Beside | None = None) -> Configuration:
    """The configuration of all trials: in place of each method its trials, in place of each dataset the blind one.

    Every trial meets the same teachers, students and seeds, the floor too. What the configuration states of a method's
    hyperparameters stays as it is stated, in all of its trials. A composition beside what is still to be chosen
    has none.

    Args:
        held: what compositions are tuned beside; by default nothing is chosen yet.
    """
    assert config.tune
    held = beside(config, {}) if held is None else held
    found: dict[str, ConfiguredMethod] = {}
    experiments = []
    for experiment in config.experiments:
        for teacher, student in itertools.product(experiment.teachers, experiment.students):
            chosen: dict[str, Hyperparameters] = {}
            for group, stated in _tried(config, experiment, teacher, student.model).items():
                identity, own = config.method_id(group[-1]), held.get(group, {})
                of_group = [] if own is None else _of_method(identity, stated, config.tune.trials, own)
                for number, hyperparameters in enumerate(of_group):
                    label = trial_label(group[-1], number)
                    found[label] = ConfiguredMethod(method=identity)
                    chosen[label] = hyperparameters
            if chosen:
                pair = {"teachers": [teacher], "students": [student], "methods": chosen}
                experiments.append(_Blind.model_construct(**{**dict(experiment), **pair}))
    return on_other_seeds(config).model_copy(update={"methods": found, "experiments": experiments})


def _of_method(identity: str, stated: Hyperparameters, number: int, beside: Hyperparameters) -> list[Hyperparameters]:
    fixed = flat(stated)
    space = {key: values for key, values in flat(methods.search_space(identity)).items() if key not in fixed}
    _, *others = design(space, flat(methods.defaults(identity)), number, flat(beside))
    return [stated, *(merged(stated, nested(values)) for values in others)]
