"""What a configuration becomes by the file of choices that it names, and when it must not use it. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import methods
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
    Tune,
    tuned_label,
)
from workflow.schemas.experiment import Experiment, Student
from workflow.specs import CellSpec, Hyperparameters, Plan
from workflow.task import BLIND
from workflow.tuning import Beside
from workflow.variants import seeing

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
    held = tuning.beside(config.model_copy(update={"tune": tuned.tune}), tuned.groups)
    found: dict[str, ConfiguredMethod | None] = {}
    for label, method in config.methods.items():
        if label not in labels or config.beside_defaults:
            found[label] = method
        if label in labels:
            found[tuned_label(label)] = ConfiguredMethod(method=config.method_id(label))
    experiments = [
        _of_pair(config, tuned, held, labels, experiment, teacher, student)
        for experiment in config.experiments
        for teacher in experiment.teachers
        for student in experiment.students
    ]
    for key, named in (("reference", [config.reference]), ("spotlight", config.spotlight)):
        for label in named:
            if label not in found:
                raise UserError(f"it holds no choice for {label}, which is {key} in the configuration")
    return config.model_copy(update={"methods": found, "experiments": experiments})


def _of_pair(
    config: Configuration,
    tuned: Tuned,
    held: Beside,
    labels: set[str],
    experiment: Experiment,
    teacher: str,
    student: Student,
) -> Experiment:
    """The part of an experiment with one teacher and the students of one model."""
    place = (experiment.distilled(config.distill_on), teacher, student.model)
    choices = tuned.of(place)
    chosen: dict[str, Hyperparameters] = {}
    for label, changes in config.chosen(experiment).items():
        if label not in labels or config.beside_defaults:
            chosen[label] = changes
        waits = config.tune is not None and (*place, label) in held
        if label not in labels and not waits:
            continue
        if label not in choices:
            raise UserError(f"it holds no choice for {label} with {' and '.join(place[1:])} on {place[0]}")
        choice = choices[label]
        stated = merged(config.method(label).hyperparameters, changes)
        if (choice.method, choice.stated) != (config.method_id(label), stated):
            raise UserError(f"{label} is stated otherwise in the configuration")
        if choice.code != loss(choice.method):
            raise UserError(f"the code or the search space of {label} has changed")
        if held.get(choice.group, choice.beside) != choice.beside:
            raise UserError(
                f"{label} with {' and '.join(place[1:])} on {place[0]} is not tuned beside what is chosen now"
            )
        if not choice.is_planned(tuned.tune.trials):
            raise UserError(f"the trials of {label} with {' and '.join(place[1:])} on {place[0]} are not those planned")
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


def beside(config: Configuration, where: str) -> Beside:
    """What the trials of compositions hold, by the choices in files of today's code; see `tuning.beside`.

    Should a choice become another one, `steps.tune.choose` leaves out what was tuned beside it.
    """
    known: dict[tuning.Group, Choice] = {}
    found = tuning.beside(config, known) if config.tune else {}
    for file in files(where):
        if None not in found.values():
            break
        with suppress(UserError):  # told where its choices are taken over
            earlier = read(file)
            if _alike(earlier.tune, config.tune):
                own = {group: choice for group, choice in earlier.groups.items() if choice.code == loss(choice.method)}
                known = {**own, **known}
        found = tuning.beside(config, known)
    return found


def files(where: str) -> list[Path]:
    """Those that earlier tunings have written, a configuration's own first."""
    own = written(where)
    return sorted(own.parent.glob("[!.]*.yaml"), key=lambda file: (file != own, file))


def _alike(tune: Tune, other: Tune | None) -> bool:
    """Whether two tunings differ in their methods at most."""
    return other is not None and tune.model_copy(update={"methods": other.methods}) == other


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

    Args:
        tasks: the folder of prepared tasks; of what is not prepared yet by the code of today, nothing is known.
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
        told = prepared.told(tasks / dataset, prepared.code_of(dataset)) if dataset in used else {}
        if told and told["fingerprint"] != fingerprint:
            raise UserError(f"{dataset} is another dataset than the one that was tuned on")


def holding(trials: Plan, held: Beside, tune: Tune, files: Iterable[Path], tasks: Path, folder: Folder) -> Tuned:
    """The choices of earlier tunings that trials of today would only repeat, but for those that were begun here.

    Args:
        trials: all of them; held: what those of compositions are beside; tune: how they are chosen from.
        files: what earlier tunings have written; of two choices the first is taken.
        tasks: the folder of prepared tasks, as of `others`.
        folder: of the records of a cell, by its key. Where a trial has one, its choice is made from it and from the
            others: nothing is tried twice, and what is to be trained does not change while it is trained.

    Raises:
        UserError: a file cannot be read.
    """
    groups = {
        group: cells
        for group, cells in tuning.groups(trials).items()
        if not any(Path(folder(cell.key)).exists() for own in cells.values() for cell in own.values())
    }
    known = cache(partial(_known, tasks))
    found = Tuned(tune=tune, data={}, choices=[])
    for file in files:
        if not groups:
            break
        try:
            earlier = read(file)
        except UserError as error:
            raise UserError(f"{error}; without that file, what it holds is tuned anew") from error
        if not _alike(earlier.tune, tune):
            continue
        for choice in earlier.choices:
            cells = groups.get(choice.group)
            if not cells or choice.beside != held.get(choice.group, {}) or not _holds(choice, cells, trials):
                continue
            blind = next(iter(cells[0].values())).dataset
            told = earlier.data.get(seeing(blind))
            # Where nothing is prepared yet, at least all choices rest on the same data.
            if told and told == (known(blind) or found.data.get(seeing(blind), told)):
                del groups[choice.group]
                found.data[seeing(blind)] = told
                found.choices.append(choice)
    return found


def _holds(choice: Choice, cells: Mapping[int, Mapping[str, CellSpec]], trials: Plan) -> bool:
    """Whether a choice rests on these cells, by trial and student, and on the code of today."""
    first = next(iter(cells[0].values()))
    return (
        (choice.method, choice.stated) == (first.method_id, first.hyperparameters)
        and choice.code == loss(choice.method)
        and choice.settings == {sized: setting(trials, cell) for sized, cell in cells[0].items()}
        and [merged(choice.stated, trial.values) for trial in choice.trials[1:]]
        == [next(iter(cells[number].values())).hyperparameters for number in range(1, len(cells))]
        and not any(trial.may_pass for trial in choice.trials)
    )


def _known(tasks: Path, blind: str) -> str:
    """Fingerprint of the dataset behind a blind one; "" where neither is prepared by the code of today."""
    for name in (blind, seeing(blind)):
        if told := prepared.told(tasks / name, prepared.code_of(name)):
            return str(told["info"].get(BLIND, told["fingerprint"]))
    return ""
