"""`abkd-bench verify`: trains a random sample of a run's rows anew and says how far they agree."""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from reports.results import read_runs
from reports.rows import CELL, FIDELITY, SCORES, Status
from workflow.config import again
from workflow.errors import UserError
from workflow.ledger import Ledger, Training
from workflow.run import Run
from workflow.schemas.configuration import MOST_THREADS
from workflow.specs import CellSpec


@dataclass(frozen=True)
class Agreement:
    """A published row beside the same training made anew.

    Attributes:
        difference: the largest difference between their scores, or what they say of fidelity and calibration.
    """

    name: str
    published: str
    anew: str
    difference: float

    @property
    def same(self) -> bool:
        """Whether status and scores are equal, value for value."""
        return self.published == self.anew and self.difference == 0


def run_of(folder: Path) -> Run:
    """The run that a results folder was made by.

    Raises:
        UserError: there is no provenance, or its configuration cannot run here.
    """
    try:
        told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        where = told["config_file"]
        stated = {key: value for key, value in told["config"].items() if value is not None}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder / 'provenance.json'}: cannot be read ({error}); run snakemake first") from error
    return Run(again(stated, where), where)


def verify(folder: Path, sample: int, seed: int, threads: int | None = None) -> tuple[list[Agreement], list[str]]:
    """Trains `sample` of the published rows anew, in a folder that is then removed.

    A cell learns from the teacher of the run; teachers are sampled as cells are.

    Returns:
        what was trained anew; and the published rows that no record of today's code and data stands behind.

    Args:
        seed: of the choice.
        threads: of these trainings; None for those of the run.

    Raises:
        UserError: the folder holds no run, or the records behind its rows are gone or of other code.
    """
    run = run_of(folder)
    run.check()
    try:
        published = read_runs(folder)
    except ValueError as error:
        raise UserError(str(error)) from error
    published = published[published["status"] == Status.OK].set_index(CELL)
    trainings = [t for t in Ledger(run) if t.record and t.record.row.status == Status.OK]
    known = {_named(t.row.cell) for t in trainings}
    left = [name for name in map(_named, published.index) if name not in known]
    if not trainings:
        raise UserError(f"{folder}: no training of this run was made by the code and data that are here now")
    chosen = random.Random(seed).sample(trainings, min(sample, len(trainings)))
    found = []
    for number, training in enumerate(chosen, 1):
        one = _anew(run, training, published, threads or run.threads)
        found.append(one)
        print(f"{number}/{len(chosen)} {one.name}: {'same' if one.same else f'differs by {one.difference:g}'}")
    return found, left


def _named(cell: tuple[Any, ...]) -> str:
    """What names a row, for messages."""
    return ", ".join(f"{name} {value}" for name, value in zip(CELL, cell, strict=True) if not pd.isna(value))


def _anew(run: Run, training: Training, published: pd.DataFrame, threads: int) -> Agreement:
    from workflow.training.block import Block, Place

    cell = training.row.cell
    if cell not in published.index:
        raise UserError(f"{run.results}/runs.parquet: has no row of {training.name}; run snakemake first")
    row = published.loc[[cell]].iloc[0]
    spec = training.spec
    teacher = Path(run.folder(spec.taught_by)) if isinstance(spec, CellSpec) else None
    with tempfile.TemporaryDirectory() as temporary:
        place = Place(
            task=Path(run.task(spec.dataset)).parent,
            output=Path(temporary),
            device=run.config.device,
            threads=threads,
            teacher=teacher,
            keep_weights=False,
        )
        (record,) = Block(spec, place).run(f"{training.seed}-{training.seed}", [training.seed])
    new = record.row
    numbers = [(float(row[name]), getattr(new, name)) for name in (*SCORES, *FIDELITY)]
    differences = [_difference(before, math.nan if now is None else float(now)) for before, now in numbers]
    return Agreement(training.name, str(row["status"]), str(new.status), max(differences))


def _difference(before: float, now: float) -> float:
    """None between two that are absent; without bounds where one is."""
    if math.isnan(before) or math.isnan(now):
        return 0.0 if math.isnan(before) and math.isnan(now) else math.inf
    return abs(before - now)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("folder", type=Path, help="results/NAME")
    parser.add_argument("--sample", type=int, default=20, help="rows to train anew")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of rows")
    parser.add_argument("--threads", type=int, help="of these trainings, to see how far another number changes scores")
    parser.add_argument("--tolerance", type=float, default=0.0, help="difference of scores that is not an error")


def call(arguments: argparse.Namespace) -> None:
    """Raises UserError where rows differ by more than the tolerance, or an option is out of bounds."""
    for option, least, most in (("sample", 1, math.inf), ("threads", 1, MOST_THREADS), ("tolerance", 0, math.inf)):
        value = getattr(arguments, option)
        if value is not None and not least <= value <= most:
            bound = f"at least {least}" if most == math.inf else f"{least} to {most}"
            raise UserError(f"--{option}: must be {bound}, not {value}")
    found, left = verify(arguments.folder, arguments.sample, arguments.seed, arguments.threads)
    worst = max(one.difference for one in found)
    print(f"{sum(one.same for one in found)} of {len(found)} rows are the same; largest difference {worst:g}")
    wrong = [one for one in found if one.published != one.anew or not one.difference <= arguments.tolerance]
    if wrong:
        raise UserError(f"{arguments.folder}: {len(wrong)} of {len(found)} rows differ: {wrong[0].name}")
    if left:
        raise UserError(
            f"{arguments.folder}: {len(left)} published rows cannot be made again, as code, data or records are not "
            f"those behind them: {left[0]}"
        )
