"""What a configuration becomes by the file of choices that it names, and when it must not use it. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import methods
from reports.rows import width_of
from reports.variants import prepared as reported
from workflow import prepared, sources, tuning
from workflow.choices import Choice, Tuned, read
from workflow.config import merged
from workflow.errors import UserError
from workflow.files import digest
from workflow.schemas.configuration import (
    TUNED,
    Configuration,
    ConfiguredMethod,
    tuned_label,
)
from workflow.schemas.experiment import Experiment, Student
from workflow.specs import CellSpec, Hyperparameters, Plan
from workflow.tuning import Beside

Folder = Callable[[str], str]


def applied(config: Configuration, tuned: Tuned) -> Configuration:
    """The configuration with a second method beside every tuned one, or in its place, at its tuned values.

    As these differ by dataset, teacher and student, there is one experiment for each.

    Raises:
        UserError: the tuning does not fit, beginning with what is wrong.
    """
    if wrong := config.overlap(tuned.tune.tried):
        raise UserError(wrong)
    if config.tune not in (None, tuned.tune):
        raise UserError("its `tune` is another one")
    labels = {choice.label for choice in tuned.choices if choice.is_choice} & set(config.methods)
    use = _Use(
        config,
        tuned,
        labels,
        {*labels, *(tuned.tune.methods or ()), *(label for *_, label in tuning.statements(config))},
        tuning.beside(config.model_copy(update={"tune": tuned.tune}), tuned.groups),
    )
    found: dict[str, ConfiguredMethod | None] = {}
    for label, method in config.methods.items():
        if label not in labels or config.beside_defaults:
            found[label] = method
        if label in labels:
            found[tuned_label(label)] = ConfiguredMethod(method=config.method_id(label))
    experiments = [
        use.of_pair(experiment, teacher, student)
        for experiment in config.experiments
        for teacher in experiment.teachers
        for student in experiment.students
    ]
    for key, named in (("reference", [config.reference]), ("spotlight", config.spotlight)):
        for label in named:
            if label not in found:
                raise UserError(f"it holds no choice for {label}, which is {key} in the configuration")
    return config.model_copy(update={"methods": found, "experiments": experiments})


@dataclass(frozen=True)
class _Use:
    """Of a file of choices by a configuration.

    Attributes:
        labels: methods that are tuned; wanted: those that must have a choice, if one of nothing.
        held: what compositions are tuned beside, by these choices.
    """

    config: Configuration
    tuned: Tuned
    labels: set[str]
    wanted: set[str]
    held: Beside

    def of_pair(self, experiment: Experiment, teacher: str, student: Student) -> Experiment:
        """The part of an experiment with one teacher and the students of one model."""
        place = (experiment.distilled(self.config.distill_on), teacher, student.model)
        choices = self.tuned.of(place)
        chosen: dict[str, Hyperparameters] = {}
        for label, changes in self.config.chosen(experiment).items():
            if label not in self.labels or self.config.beside_defaults:
                chosen[label] = changes
            if label not in self.wanted:
                continue
            if label not in choices:
                raise UserError(f"it holds no choice for {label} with {' and '.join(place[1:])} on {place[0]}")
            if label in self.labels:
                self._check(choices[label], changes)
                if choices[label].is_choice:
                    chosen[tuned_label(label)] = choices[label].hyperparameters
        return experiment.model_copy(update={"teachers": [teacher], "students": [student], "methods": chosen})

    def _check(self, choice: Choice, changes: Hyperparameters) -> None:
        """Raises UserError where a choice is of another method, or was made otherwise, than is asked for."""
        label = choice.label
        stated = merged(self.config.method(label).hyperparameters, changes)
        if (choice.method, choice.stated) != (self.config.method_id(label), stated):
            raise UserError(f"{label} is stated otherwise in the configuration")
        if choice.code != loss(choice.method):
            raise UserError(f"the code or the search space of {label} has changed")
        # Of another configuration's choices, the first parts of compositions may not be in this one.
        held = self.held.get(choice.group) or ({} if self.config.tune else choice.beside)
        if choice.beside != held:
            raise UserError(f"{choice.where} is not tuned beside what is chosen now")
        if not choice.is_planned(self.tuned.tune.trials):
            raise UserError(f"the trials of {choice.where} are not those planned")


def loss(method: str) -> str:
    """Digest of the code of a method, its search space among it."""
    return sources.digest("loss", *methods.modules(method))


def option(tuned: Tuned | None, variant: str, method: str) -> str:
    """What the job of a cell is told of the data that its method was tuned on; "" where it was not.

    A run may be planned before its data are prepared.
    """
    known = tuned.data.get(reported(variant), "") if tuned and method.endswith(TUNED) else ""
    return f"--tuned-on {known}" if known else ""


def setting(plan: Plan, cell: CellSpec, width: int | None = None) -> str:
    """Digest of all that a method's hyperparameters meet beside the data: networks, trainings, distilled nodes.

    Args:
        width: in place of the student's own, and of that of a teacher of its size.
    """
    teacher = plan.teachers[cell.taught_by]
    student, taught = cell.model, teacher.model
    if width is not None:
        student = {**student, "width": width}
        taught = {**taught, "width": width} if teacher.teacher != cell.teacher else taught
    parts = [student, cell.training.model_dump(), cell.distill_on, taught, teacher.training.model_dump()]
    return digest(parts)


def used(config: Configuration, where: str) -> tuple[Configuration, Tuned | None, str]:
    """What a configuration becomes by the file that it names, that file's content, and why it cannot be used."""
    if not config.tuned:
        return config, None, ""
    try:
        found = read(place(config, where))
        return applied(config, found), found, ""
    except UserError as error:
        return config, None, _told(config, where, error)


def others(plan: Plan, tuned: Tuned, tasks: Path, config: Configuration, where: str) -> str:
    """Why a planned run cannot use its tuned values: it trains otherwise than the trials did, or on other data."""
    try:
        _refuse_others(plan, tuned, tasks)
    except UserError as error:
        return _told(config, where, error)
    return ""


def place(config: Configuration, where: str) -> Path:
    """The file that a configuration names."""
    return Path(where).parent / str(config.tuned)


def written(where: str) -> Path:
    """The file that `tune` writes for a configuration."""
    return Path(where).parent / "tuned" / f"{Path(where).stem}.yaml"


def _told(config: Configuration, where: str, error: UserError) -> str:
    file = str(place(config, where))
    told = str(error) if str(error).startswith(file) else f"{file} is stale: {error}"
    own = written(where)
    made = f"is made by: snakemake tune --configfile {where}, which tries only what has changed"
    which = "it" if place(config, where) == own else f"state tuned: tuned/{own.name}, which"
    return f"{where}: tuned: {told}; {which} {made}"


def _refuse_others(plan: Plan, tuned: Tuned, tasks: Path) -> None:
    """Raises UserError where a planned run trains otherwise than the trials did, or on other data.

    A student of a width that was not tuned is held against one that was, but for the width.

    Args:
        tasks: the folder of prepared tasks; of what is not prepared yet by the code of today, nothing is known.
    """
    settings = {(*choice.place, tuned_label(choice.label)): choice.settings for choice in tuned.choices}
    for cell in plan.cells.values():
        known = settings.get((cell.variant, cell.teacher, cell.family, cell.method))
        if not known:
            continue
        sized = cell.sized if cell.sized in known else min(known)
        if setting(plan, cell, width_of(sized)) != known[sized]:
            raise UserError(f"networks or training of {cell.teacher} and {cell.sized} on {cell.variant} have changed")
    used = {cell.dataset for cell in plan.cells.values()}
    for dataset, fingerprint in tuned.data.items():
        told = prepared.told(tasks / dataset, prepared.code_of(dataset)) if dataset in used else {}
        if told and told["fingerprint"] != fingerprint:
            raise UserError(f"{dataset} is another dataset than the one that was tuned on")
