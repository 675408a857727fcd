"""The file of choices that `snakemake tune` writes, config/tuned/NAME.yaml. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from methods.spaces import at_border, design, flat, nested, parsed
from reports.metrics import metric
from reports.rows import PASSING
from reports.variants import prepared
from workflow import catalog
from workflow.config import merged
from workflow.errors import UserError
from workflow.files import digest, write_text
from workflow.schemas import plain
from workflow.schemas.configuration import Tune, tuned_label
from workflow.specs import Hyperparameters, Strict
from workflow.tuning import FLOOR, Group, bases

try:  # ten times as fast, where libyaml is there
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

HEADING = """\
# Hyperparameters chosen by `snakemake tune`, with every trial: docs/protocol.md, "Tuning". Not to be edited.
# A run reads it by the key `tuned`, and refuses it where data, code or configuration are others.
"""
DIGEST = "digest"
"""Last key of the file: a digest of all others. Files of earlier versions have none."""


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
    def may_pass(self) -> bool:
        """Whether it has no rank for a reason that may be gone when it is tried again."""
        return self.note.startswith(tuple(f"{status} " for status in PASSING))

    def mean(self, students: Iterable[str]) -> float | None:
        """Validation score over students and seeds, each student alike; None where one is missing."""
        scores = [score for student in students for score in self.valid.get(student, [None])]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if known and len(known) == len(scores) else None


class Choice(Strict):
    """What was chosen for one method, dataset, teacher and student of any width.

    Attributes:
        dataset: as tables name it.
        student: name of the model.
        label, method: of the configuration; id, or ids joined by `+`.
        stated: hyperparameters that the configuration states, which no trial changes.
        beside: of a composition, what was chosen for all of its parts but the last, tuned alone: every trial but the
            first has it. Empty where the composition is tuned as a whole.
        space: search space of the others, by names as of `dotted`.
        code: digest of the loss.
        settings: student with its width -> digest of networks and trainings (`setting`).
        chosen: number of the trial; None where none can be chosen.
        trials: the first is the default.
    """

    dataset: str
    teacher: str
    student: str
    label: str
    method: str
    stated: Hyperparameters
    beside: Hyperparameters = Field(default_factory=dict)
    space: dict[str, Any]
    code: str
    settings: dict[Annotated[str, Field(pattern=r"x\d+(~|$)")], str]
    chosen: int | None
    trials: list[Trial] = Field(min_length=1)

    @property
    def place(self) -> tuple[str, str, str]:
        return self.dataset, self.teacher, self.student

    @property
    def group(self) -> Group:
        return (*self.place, self.label)

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.label} with {self.teacher} and {self.student} on {self.dataset}"

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Those of the chosen trial. A trial must be chosen."""
        return merged(self.stated, self.chosen_values if self.chosen else {})

    @property
    def chosen_values(self) -> Hyperparameters:
        """Of the whole space, where the default was chosen, too. A trial must be chosen."""
        assert self.chosen is not None
        return self.trials[self.chosen].values

    def is_planned(self, trials: int) -> bool:
        """Whether its trials are the ones that so many, or as many as the space holds, are planned to be."""
        space = {tuple(name.split(".")): parsed(values) for name, values in self.space.items()}
        start = flat(self.trials[0].values)
        if start.keys() != space.keys():
            return False
        wanted = [nested(values) for values in design(space, start, trials, flat(self.beside))]
        return [trial.values for trial in self.trials] == wanted

    def contradiction(self, seeds: int, higher_is_better: bool) -> str:
        """What does not follow from the scores, of which every student has so many; "" where all does."""
        wanted = dict.fromkeys(self.settings, seeds)
        if not all({one: len(own) for one, own in trial.valid.items()} == wanted for trial in self.trials):
            return f"every trial must have {seeds} scores, one per seed, of {' and '.join(wanted)}"
        counted = [one for one in wanted if any(set(trial.valid[one]) != {None} for trial in self.trials)]
        for number, trial in enumerate(self.trials):
            lacks = not counted or any(None in trial.valid[one] for one in counted)
            if (trial.note and not any(None in own for own in trial.valid.values())) or (not trial.note and lacks):
                return f"trial {number} must have a note where a score is missing, and nowhere else"
        ranked = ranks({n: trial.valid for n, trial in enumerate(self.trials) if not trial.note}, higher_is_better)
        if other := [n for n, trial in enumerate(self.trials) if trial.rank != ranked.get(n)]:
            return f"by the scores the rank of trial {other[0]} is {ranked.get(other[0])}"
        if self.chosen != best(ranked):
            return f"chosen is {self.chosen}, and by the scores {best(ranked)}"
        return ""

    @property
    def is_choice(self) -> bool:
        """Whether there was anything to choose from, and something was chosen."""
        return self.chosen is not None and len(self.trials) > 1

    @property
    def borders(self) -> list[str]:
        """The hyperparameters whose chosen value lies at the border of what was tried. A trial must be chosen."""
        assert self.chosen is not None
        tried = [dotted(trial.values) for trial in self.trials]
        return [
            name
            for name, value in tried[self.chosen].items()
            if at_border(parsed(self.space[name]), value, [one[name] for one in tried])
        ]


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

    @property
    def groups(self) -> dict[Group, Choice]:
        """The choices by what they are for."""
        return {choice.group: choice for choice in self.choices}

    def shown(self) -> list[dict[str, Any]]:
        """The choices as `reports.settings.Tuning`."""
        groups, found = self.groups, []
        first = bases({group: (choice.method, choice.stated) for group, choice in groups.items()})
        for group, choice in groups.items():
            if choice.is_choice:
                floor = groups.get((*choice.place, FLOOR))
                found.append(_shown(choice, floor, groups.get(first[group]) if choice.beside else floor))
        return found


def _shown(choice: Choice, floor: Choice | None, base: Choice | None) -> dict[str, Any]:
    assert choice.chosen is not None
    return {
        "dataset": choice.dataset,
        "teacher": choice.teacher,
        "student": choice.student,
        "method": choice.label,
        "tuned": tuned_label(choice.label),
        "values": told(choice.trials[choice.chosen].values),
        "valid": {student: [trial.mean([student]) for trial in choice.trials] for student in choice.trials[0].valid},
        "ranks": [trial.rank for trial in choice.trials],
        "chosen": choice.chosen,
        "floor": {student: floor.trials[0].mean([student]) for student in floor.trials[0].valid} if floor else {},
        "borders": choice.borders,
        "tried": [dotted(trial.values) for trial in choice.trials],
        "scores": {student: [trial.valid[student] for trial in choice.trials] for student in choice.trials[0].valid},
        "base": base.label if base else "",
        "base_scores": base.trials[base.chosen or 0].valid if base else {},
    }


def ranks(scores: Mapping[int, Mapping[str, Sequence[float | None]]], higher_is_better: bool) -> dict[int, float]:
    """Mean rank of every trial, best 1.

    The trials are ranked per student by their mean validation score over seeds, ties sharing the mean of their ranks.

    Args:
        scores: trial that can be chosen -> student -> validation scores by seed. A student without any ranks nobody.
    """
    found: dict[int, float] = dict.fromkeys(scores, 0.0)
    students = [
        one for one in next(iter(scores.values()), {}) if any(set(own[one]) != {None} for own in scores.values())
    ]
    for student in students:
        means = {n: mean(score for score in own[student] if score is not None) for n, own in scores.items()}
        ordered = sorted(means.values(), reverse=higher_is_better)
        for number, value in means.items():
            first, alike = ordered.index(value) + 1, ordered.count(value)
            found[number] += (first + (alike - 1) / 2) / len(students)
    return found


def best(ranked: Mapping[int, float]) -> int | None:
    """The trial of the smallest mean rank, of equal ones the first; None where none has a rank."""
    return min(ranked, key=lambda number: (ranked[number], number), default=None)


def dotted(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters by one name each, in a composition behind the id of their part: `kd.alpha`."""
    return {".".join(key): value for key, value in flat(hyperparameters).items()}


def told(hyperparameters: Hyperparameters) -> str:
    """`kd.alpha 0.3, abkd.beta 1.1`."""
    return ", ".join(f"{name} {value}" for name, value in dotted(hyperparameters).items())


def read(file: Path) -> Tuned:
    """Raises UserError where the file is missing, is no such file, or was edited: it contradicts itself."""
    try:
        found = yaml.load(file.read_text(encoding="utf-8"), SafeLoader)
        plain.check(found, str(file))
        stated = found.pop(DIGEST, None) if isinstance(found, dict) else None
        tuned = Tuned.model_validate(found)
    except FileNotFoundError as error:
        raise UserError(f"{file} is missing") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise UserError(f"{file}: {place}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{file}: cannot be read: {' '.join(str(error).split())}") from error
    if wrong := _contradiction(tuned):
        raise UserError(f"{file}: was edited: {wrong}")
    if stated not in (None, digest(found)):
        raise UserError(f"{file}: was edited: its content does not have the {DIGEST} that it states")
    return tuned


def _contradiction(tuned: Tuned) -> str:
    """What can be worked out anew and is another; "" where nothing is."""
    known: set[Group] = set()
    for choice in tuned.choices:
        if choice.group in known:
            return f"{choice.where}: is chosen twice"
        known.add(choice.group)
        if not tuned.data.get(prepared(choice.dataset)):
            return f"data: lacks the fingerprint of {prepared(choice.dataset)}"
        try:
            selects = metric(catalog.facts(choice.dataset).metric)
        except UserError:  # of a plug-in that is not in use: no run can use the choice either
            continue
        if wrong := choice.contradiction(tuned.tune.seeds, selects.higher_is_better):
            return f"{choice.where}: {wrong}"
    return ""


def write(file: Path, tuned: Tuned) -> None:
    """Writes the file, whole or not at all; equal choices give equal bytes."""
    content = tuned.model_dump(mode="json")
    content[DIGEST] = digest(content)
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=200)
    write_text(file, HEADING + text)
