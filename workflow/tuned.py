"""The file that `snakemake tune` writes, config/tuned/NAME.yaml, and what a run makes of it. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

import methods
from methods.spaces import at_border, flat, parsed
from reports.variants import prepared as reported
from workflow import prepared, sources
from workflow.config import merged
from workflow.errors import UserError
from workflow.files import digest, read_json, write_text
from workflow.schemas import plain
from workflow.schemas.configuration import (
    TUNED,
    Configuration,
    ConfiguredMethod,
    Experiment,
    Student,
    Tune,
    tuned_label,
)
from workflow.specs import CellSpec, Hyperparameters, Plan, Strict
from workflow.tuning import FLOOR

HEADING = """\
# Hyperparameters chosen by `snakemake tune`, with every trial: docs/protocol.md, "Tuning". Not to be edited.
# A run reads it by the key `tuned`, and refuses it where data, code or configuration are others.
"""


class Trial(Strict):
    """One trial of a method for one choice.

    Attributes:
        values: what is tried, without what the configuration states.
        rank: mean rank of its validation score over the students; None where it cannot be chosen.
        note: why not.
        valid: student -> validation scores by seed; None where there is none.
        trainings: student -> name of the folder of its records, which stands for spec, code and versions.
    """

    values: Hyperparameters
    rank: float | None
    note: str
    valid: dict[str, list[float | None]]
    trainings: dict[str, str]

    @property
    def mean(self) -> float | None:
        """Validation score over students and seeds, each student alike; None where one is missing."""
        scores = [score for by_seed in self.valid.values() for score in by_seed]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if known and len(known) == len(scores) else None


class Choice(Strict):
    """What was chosen for one method, dataset, teacher and student of any width.

    Attributes:
        dataset: as tables name it.
        student: name of the model.
        label, method: of the configuration; id, or ids joined by `+`.
        stated: hyperparameters that the configuration states, which no trial changes.
        space: search space of the others, by names as of `dotted`.
        code: digest of the loss.
        settings: student with its width -> digest of networks and trainings (`setting`).
        chosen: number of the trial; None where none can be chosen.
        trials: the first is the published default.
    """

    dataset: str
    teacher: str
    student: str
    label: str
    method: str
    stated: Hyperparameters
    space: dict[str, Any]
    code: str
    settings: dict[str, str]
    chosen: int | None
    trials: list[Trial]

    @property
    def place(self) -> tuple[str, str, str]:
        return self.dataset, self.teacher, self.student

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Those of the chosen trial. A trial must be chosen."""
        assert self.chosen is not None
        return merged(self.stated, self.trials[self.chosen].values if self.chosen else {})

    @property
    def is_choice(self) -> bool:
        """Whether there was anything to choose from, and something was chosen."""
        return self.chosen is not None and len(self.trials) > 1


class Tuned(Strict):
    """The file.

    Attributes:
        tune: how the values were chosen.
        data: prepared dataset -> fingerprint, with its test labels.
    """

    tune: Tune
    data: dict[str, str]
    choices: list[Choice]

    def of(self, place: tuple[str, str, str]) -> dict[str, Choice]:
        """Label -> choice for one dataset, teacher and student."""
        return {choice.label: choice for choice in self.choices if choice.place == place}

    def shown(self) -> list[dict[str, Any]]:
        """The choices as `reports.settings.Tuning`."""
        return [_shown(choice, self.of(choice.place).get(FLOOR)) for choice in self.choices if choice.is_choice]


def _shown(choice: Choice, floor: Choice | None) -> dict[str, Any]:
    assert choice.chosen is not None
    tried = [dotted(trial.values) for trial in choice.trials]
    chosen = tried[choice.chosen]
    return {
        "dataset": choice.dataset,
        "teacher": choice.teacher,
        "student": choice.student,
        "method": choice.label,
        "tuned": tuned_label(choice.label),
        "values": ", ".join(f"{name} {value}" for name, value in chosen.items()),
        "valid": [trial.mean for trial in choice.trials],
        "ranks": [trial.rank for trial in choice.trials],
        "chosen": choice.chosen,
        "floor": floor.trials[0].mean if floor else None,
        "borders": [
            name
            for name, value in chosen.items()
            if at_border(parsed(choice.space[name]), value, [one[name] for one in tried])
        ],
    }


def dotted(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters by one name each, in a composition behind the id of their part: `kd.alpha`."""
    return {".".join(key): value for key, value in flat(hyperparameters).items()}


def read(file: Path) -> Tuned:
    """Raises UserError where the file is missing or is no such file."""
    try:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there
        found = yaml.load(file.read_text(encoding="utf-8"), loader)  # a safe loader
        plain.check(found, str(file))
        return Tuned.model_validate(found)
    except FileNotFoundError as error:
        raise UserError(f"{file} is missing") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{file}: cannot be read: {' '.join(str(error).split())}") from error


def write(file: Path, tuned: Tuned) -> None:
    """Writes the file, whole or not at all; equal choices give equal bytes."""
    text = yaml.safe_dump(tuned.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=200)
    write_text(file, HEADING + text)


def applied(config: Configuration, tuned: Tuned) -> Configuration:
    """The configuration with a second method beside every tuned one, at its tuned values.

    As these differ by dataset, teacher and student, there is one experiment for each.

    Raises:
        UserError: the tuning does not fit, beginning with what is wrong.
    """
    if wrong := config.overlap(tuned.tune.tried):
        raise UserError(wrong)
    if config.tune not in (None, tuned.tune):
        raise UserError("was made by another `tune`")
    labels = {choice.label for choice in tuned.choices if choice.is_choice} & set(config.methods)
    found: dict[str, ConfiguredMethod | None] = {}
    for label, method in config.methods.items():
        found[label] = method
        if label in labels:
            found[tuned_label(label)] = ConfiguredMethod(method=config.method_id(label))
    experiments = [
        _of_pair(config, tuned, labels, experiment, teacher, student)
        for experiment in config.experiments
        for teacher in experiment.teachers
        for student in experiment.students
    ]
    for key, named in (("reference", [config.reference]), ("spotlight", config.spotlight)):
        for label in named:
            if label not in found:
                raise UserError(f"holds no choice for {label}, which is {key} in the configuration")
    return config.model_copy(update={"methods": found, "experiments": experiments})


def _of_pair(
    config: Configuration, tuned: Tuned, labels: set[str], experiment: Experiment, teacher: str, student: Student
) -> Experiment:
    """The part of an experiment with one teacher and the students of one model."""
    place = (experiment.distilled(config.distill_on), teacher, student.model)
    choices = tuned.of(place)
    chosen: dict[str, Hyperparameters] = {}
    for label, changes in config.chosen(experiment).items():
        chosen[label] = changes
        if label not in labels:
            continue
        if label not in choices:
            raise UserError(f"holds no choice for {label} with {' and '.join(place[1:])} on {place[0]}")
        choice = choices[label]
        stated = merged(config.method(label).hyperparameters, changes)
        if (choice.method, choice.stated) != (config.method_id(label), stated):
            raise UserError(f"{label} is stated otherwise in the configuration")
        if choice.code != loss(choice.method):
            raise UserError(f"the code or the search space of {label} has changed")
        if choice.is_choice:
            chosen[tuned_label(label)] = choice.hyperparameters
    return experiment.model_copy(update={"teachers": [teacher], "students": [student], "methods": chosen})


def loss(method: str) -> str:
    """Digest of the code of a method, its search space among it."""
    return sources.digest("loss", *methods.modules(method))


def option(tuned: Tuned | None, variant: str, method: str) -> str:
    """What the job of a cell is told of the data that its method was tuned on; "" where it was not.

    A run may be planned before its data are prepared.
    """
    known = tuned.data.get(reported(variant), "") if tuned and method.endswith(TUNED) else ""
    return f"--tuned-on {known}" if known else ""


def setting(plan: Plan, cell: CellSpec) -> str:
    """Digest of all that a method's hyperparameters meet beside the data: networks, trainings, distilled nodes."""
    teacher = plan.teachers[cell.taught_by]
    parts = [cell.model, cell.training.model_dump(), cell.distill_on, teacher.model, teacher.training.model_dump()]
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


def _told(config: Configuration, where: str, error: UserError) -> str:
    file = str(place(config, where))
    told = str(error) if str(error).startswith(file) else f"{file} is stale: {error}"
    return f"{where}: tuned: {told}; it is made by: snakemake tune --configfile {where}"


def _refuse_others(plan: Plan, tuned: Tuned, tasks: Path) -> None:
    """Raises UserError where a planned run trains otherwise than the trials did, or on other data.

    Args:
        tasks: the folder of prepared tasks; of what is not prepared yet, nothing is known.
    """
    wanted = {
        (*choice.place, tuned_label(choice.label), student): digested
        for choice in tuned.choices
        for student, digested in choice.settings.items()
    }
    for cell in plan.cells.values():
        known = wanted.get((cell.variant, cell.teacher, cell.family, cell.method, cell.sized))
        if known not in (None, setting(plan, cell)):
            raise UserError(f"networks or training of {cell.teacher} and {cell.sized} on {cell.variant} have changed")
    used = {cell.dataset for cell in plan.cells.values()}
    for dataset, fingerprint in tuned.data.items():
        folder = tasks / dataset
        if dataset not in used or not (folder / prepared.CODE).exists():
            continue
        if read_json(folder / "task.json")["fingerprint"] != fingerprint:
            raise UserError(f"{dataset} is another dataset than the one that was tuned on")
