"""Choices of earlier tunings that hold today: what they have tried is not tried again. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from workflow import plan as planning
from workflow import prepared, tuned, tuning
from workflow.choices import Choice, Tuned, read
from workflow.config import merged
from workflow.errors import UserError
from workflow.schemas.configuration import Configuration, Tune
from workflow.specs import CellSpec, Plan
from workflow.task import BLIND
from workflow.tuning import Beside, Group
from workflow.variants import seeing

Folder = Callable[[str], str]
Planned = tuple[Plan, Path, Beside]
"""A plan, its file, and what compositions are tuned beside."""


def files(where: str) -> list[Path]:
    """Those that earlier tunings have written, a configuration's own first."""
    own = tuned.written(where)
    return sorted(own.parent.glob("[!.]*.yaml"), key=lambda file: (file != own, file))


def planned(config: Configuration, where: str, stated: Configuration, used: Tuned | None, tasks: Path) -> Planned:
    """The plan of a configuration, with the trials of all compositions for which something stands to be tuned beside.

    The choices that it uses are taken to hold first, so that mostly one plan is made.

    Args:
        stated: the configuration without what it takes from a file of tuned values; used: that file's content.
        tasks: as of `holding`.

    Raises:
        UserError: something that cannot run; see `workflow.plan.build`.
    """
    held = tuning.beside(stated, used.groups if used else {})
    bases = set(tuning.bases(tuning.statements(stated)).values())
    while True:
        plan, file = planning.cached(config, where, stated, held)
        known: Mapping[Group, Choice] = {}
        if bases and plan.tuning and stated.tune:
            with suppress(UserError):  # told where choices are taken over
                known = holding(plan.tuning, held, stated.tune, files(where), tasks, of=bases).groups
        found = tuning.beside(stated, known)
        if found == held:
            return plan, file, held
        held = found


def holding(
    trials: Plan,
    held: Beside,
    tune: Tune,
    files: Iterable[Path],
    tasks: Path,
    folder: Folder | None = None,
    of: Collection[Group] | None = None,
) -> Tuned:
    """The choices of earlier tunings that trials of today would only repeat, but for those that were begun here.

    Args:
        trials: all of them; held: what those of compositions are beside; tune: how they are chosen from.
        files: what earlier tunings have written; of two choices the first is taken.
        tasks: the folder of prepared tasks, as of `tuned.others`.
        folder: of the records of a cell, by its key. Where a trial has one, its choice is made from it and from the
            others: nothing is tried twice, and what is to be trained does not change while it is trained. None where
            it does not matter what was begun.
        of: what is asked for; None for all.

    Raises:
        UserError: a file cannot be read.
    """
    groups = {
        group: cells
        for group, cells in tuning.groups(trials).items()
        if (of is None or group in of)
        and not (folder and any(Path(folder(cell.key)).exists() for own in cells.values() for cell in own.values()))
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
        if earlier.tune.model_copy(update={"methods": tune.methods}) != tune:
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
        and choice.code == tuned.loss(choice.method)
        and choice.settings == {sized: tuned.setting(trials, cell) for sized, cell in cells[0].items()}
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
