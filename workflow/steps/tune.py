"""Chooses the hyperparameters of every method from its trials, by mean rank of the validation score over students."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import methods
from methods.spaces import described, flat, nested
from reports.metrics import Metric, metric
from reports.rows import Row, Status
from workflow import choices, tuned
from workflow.choices import Choice, Trial, Tuned
from workflow.config import again
from workflow.errors import UserError, command
from workflow.files import read_json
from workflow.ledger import Ledger
from workflow.run import Run
from workflow.schemas.configuration import Configuration
from workflow.specs import CellSpec, Hyperparameters
from workflow.task import BLIND
from workflow.tuning import Group, bases, beside, groups, statements
from workflow.variants import seeing

Ranked = Mapping[int, Mapping[str, list[Row]]]
"""Trial -> student -> rows by seed."""


@command
def main() -> None:
    """Called by the rule `tune`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="the file that `workflow.run.Run.tuning_file` has written")
    parser.add_argument("output", type=Path, help="config/tuned/NAME.yaml")
    arguments = parser.parse_args()
    asked = read_json(arguments.config)["value"]
    run = Run(again(asked["config"], asked["where"]), asked["where"])
    found = choose(run)
    told = [*lines(found, run.kept.groups), *remarks(run, found, arguments.output)]
    choices.write(arguments.output, found)
    print("\n".join(told))


def others(file: Path, found: Tuned) -> list[str]:
    """The methods of a file's choices for which nothing is found any more, where it can be read."""
    try:
        earlier = choices.read(file)
    except UserError:
        return []
    return sorted({choice.label for choice in earlier.choices} - {choice.label for choice in found.choices})


def choose(run: Run) -> Tuned:
    """All choices of a run whose trials are trained, and those that it keeps, as they are planned.

    Raises:
        UserError: a trial has no record that belongs to the plan.
    """
    trials = run.tuning
    assert trials and run.stated.tune and run.plan.tuning
    trainings = list(Ledger(trials))
    if gaps := [training for training in trainings if training.record is None]:
        raise UserError(
            f"{run.results}: {len(gaps)} of {len(trainings)} trials do not belong to {run.where}: {gaps[0].name} "
            f"({gaps[0].trouble or 'missing'}); train them with: abkd-bench retry {run.where} -- tune"
        )
    kept = run.kept.groups
    rows: dict[str, list[Row]] = {}
    for training in trainings:
        rows.setdefault(training.spec.key, []).append(training.row)
    tried = {seeing(name): read_json(trials.task(name))["info"][BLIND] for name in trials.datasets}
    made = {
        group: kept[group] if group in kept else _choice(trials, group, run.beside.get(group) or {}, cells, rows)
        for group, cells in groups(run.plan.tuning).items()
    }
    return Tuned(
        tune=run.stated.tune,
        data=dict(sorted({**run.kept.data, **tried}.items())),
        choices=list(_consistent(run.stated, made).values()),
    )


def _consistent(config: Configuration, made: dict[Group, Choice]) -> dict[Group, Choice]:
    """Without compositions that were tuned beside another choice than is made now."""
    held = beside(config, made)
    kept = {group: choice for group, choice in made.items() if choice.beside == held.get(group, {})}
    return kept if len(kept) == len(made) else _consistent(config, kept)


def _choice(
    run: Run,
    group: Group,
    held: Hyperparameters,
    cells: Mapping[int, Mapping[str, CellSpec]],
    known: Mapping[str, list[Row]],
) -> Choice:
    """What is chosen for one group by its trials, whose rows are known by the keys of their cells."""
    dataset, teacher, student, label = group
    first = next(iter(cells[0].values()))
    rows = {number: {sized: known[cell.key] for sized, cell in own.items()} for number, own in cells.items()}
    ranks, notes = rank(rows, metric(known[first.key][0].metric))
    fixed = flat(first.hyperparameters)
    space = {k: values for k, values in flat(methods.search_space(first.method_id)).items() if k not in fixed}
    return Choice(
        dataset=dataset,
        teacher=teacher,
        student=student,
        label=label,
        method=first.method_id,
        stated=first.hyperparameters,
        beside=held,
        space={".".join(k): described(values) for k, values in space.items()},
        code=tuned.loss(first.method_id),
        settings={sized: tuned.setting(run.plan, cell) for sized, cell in cells[0].items()},
        chosen=choices.best(ranks),
        trials=[
            Trial(
                values=_values(first.method_id, next(iter(cells[number].values())).hyperparameters, space),
                rank=ranks.get(number),
                note=notes[number],
                valid={sized: [row.valid for row in own] for sized, own in rows[number].items()},
                trainings={sized: Path(run.folder(cell.key)).name for sized, cell in cells[number].items()},
            )
            for number in sorted(cells)
        ],
    )


def _values(method: str, hyperparameters: Hyperparameters, space: Iterable[tuple[str, ...]]) -> Hyperparameters:
    """What a trial takes from the space; of the first one the defaults."""
    values = {**flat(methods.defaults(method)), **flat(hyperparameters)}
    return nested({key: values[key] for key in space})


def rank(rows: Ranked, selects: Metric) -> tuple[dict[int, float], dict[int, str]]:
    """Mean rank of every trial that can be chosen (`choices.ranks`), and why the others cannot be.

    A trial with a training that did not end well has no rank: it failed, or was skipped where another one was not. A
    student for which all were skipped ranks nobody.
    """
    students = [
        student
        for student in rows[0]
        if any(row.status != Status.SKIPPED for own in rows.values() for row in own[student])
    ]
    notes = {number: _trouble(own, students) for number, own in rows.items()}
    scores = {n: {sized: [row.valid for row in own[sized]] for sized in students} for n, own in rows.items()}
    return choices.ranks({n: own for n, own in scores.items() if not notes[n]}, selects.higher_is_better), notes


def _trouble(own: Mapping[str, list[Row]], students: list[str]) -> str:
    """Why a trial has no rank; "" where each of its trainings gave a validation score."""
    if not students:
        return "does not apply here"
    for student in students:
        for row in own[student]:
            if row.status != Status.OK or row.valid is None:
                return f"{row.status} on {student}, seed {row.seed}"
    return ""


def lines(found: Tuned, kept: Collection[Group] = ()) -> list[str]:
    """The choices for the terminal.

    Args:
        kept: those of earlier tunings.
    """
    told = []
    for choice in found.choices:
        number = len(choice.trials)
        if number < 2:
            continue
        where = f"{choice.dataset}, {choice.teacher} to {choice.student}: {choice.label}"
        if choice.chosen is None:
            told.append(f"{where}: none can be chosen: {choice.trials[0].note}")
            continue
        best, default = choice.trials[choice.chosen], choice.trials[0]
        values = choices.told(best.values) if choice.chosen else "the default"
        widths = list(default.valid)
        means = [trial.mean(widths) for trial in (best, default)]
        scores = " against ".join("-" if mean is None else f"{mean:.4f}" for mean in means)
        notes = [f"{number} trials" + (", its space holds no more" if number < found.tune.trials else "")]
        notes += [f"mean over {', '.join(widths)}"] if len(widths) > 1 else []
        notes += [f"as stated: {choices.told(choice.stated)}"] if choice.stated else []
        notes += [f"at the border: {', '.join(choice.borders)}"] if choice.borders else []
        notes += ["of an earlier tuning"] if choice.group in kept else []
        told.append(f"{where}: {values}; validation {scores} by default ({'; '.join(notes)})")
    return told


def remarks(run: Run, found: Tuned, file: Path) -> list[str]:
    """What stands behind the choices: what was not tuned, and what the file held until now."""
    labels = {choice.label for choice in found.choices}
    later = [group[-1] for group in bases(statements(run.stated)) if group not in found.groups]
    told = []
    if later:
        told.append(
            f"to be tuned beside what is chosen now: {', '.join(dict.fromkeys(later))}; go on with: "
            f"snakemake tune --configfile {run.where}"
        )
    if missing := [label for label in run.stated.methods if label not in {*labels, *later}]:
        told.append(f"not tuned, as tune.methods does not name them: {', '.join(missing)}")
    if gone := [label for label in others(file, found) if label not in later]:
        told.append(f"no longer in {file}, as {run.where} does not ask for them: {', '.join(gone)}")
    return [*told, f"{file}: a run uses it by the key `tuned`"]


if __name__ == "__main__":
    main()
