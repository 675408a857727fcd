"""Trials of tuning: a run of their own, whose cells are the trials of each method, on other seeds and on blind data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

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


def trials(config: Configuration) -> Configuration:
    """The configuration of all trials: in place of each method its trials, in place of each dataset the blind one.

    Every trial meets the same teachers, students and seeds, the floor too. What the configuration states of a method's
    hyperparameters stays as it is stated, in all of its trials.
    """
    assert config.tune
    found: dict[str, ConfiguredMethod] = {}
    experiments = []
    for experiment in config.experiments:
        chosen: dict[str, Hyperparameters] = {}
        for label, changes in config.chosen(experiment).items():
            if not _is_tried(config, label):
                continue
            identity = config.method_id(label)
            stated = merged(config.method(label).hyperparameters, changes)
            for number, hyperparameters in enumerate(_of_method(identity, stated, config.tune.trials)):
                found[trial_label(label, number)] = ConfiguredMethod(method=identity)
                chosen[trial_label(label, number)] = hyperparameters
        if chosen:
            experiments.append(_Blind.model_construct(**{**dict(experiment), "methods": chosen}))
    return on_other_seeds(config).model_copy(update={"methods": found, "experiments": experiments})


def _is_tried(config: Configuration, label: str) -> bool:
    assert config.tune
    return label == FLOOR or config.tune.methods is None or label in config.tune.methods


def _of_method(identity: str, stated: Hyperparameters, number: int) -> list[Hyperparameters]:
    fixed = flat(stated)
    space = {key: values for key, values in flat(methods.search_space(identity)).items() if key not in fixed}
    _, *others = design(space, flat(methods.defaults(identity)), number)
    return [stated, *(merged(stated, nested(values)) for values in others)]
