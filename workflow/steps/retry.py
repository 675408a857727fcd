"""`abkd-bench retry`: trains again what has failed, is missing, damaged or stale; nothing else."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from pathlib import Path

from reports.rows import PASSING, Status
from workflow import config as configuration
from workflow import overrides, prepared
from workflow.errors import UserError
from workflow.ledger import Ledger, Training, prepared_task
from workflow.run import NOT_TUNED, Run
from workflow.specs import CellSpec

TUNE = "tune"
"""Snakemake's target whose trainings are the trials."""
MEASUREMENT = "measurement"


def forget(run: Run, statuses: tuple[str, ...], dry: bool = False) -> Counter[str]:
    """Drops the records of these statuses, the markers of every block that lacks a record, and wrong measurements.

    Args:
        dry: whether they are counted alone.

    Returns:
        how many trainings will be trained, by their status now; those without a record count as "missing", and so do
        teachers of which neither weights nor knowledge is left for a student that will be trained. Files of
        measurements count as "measurement".
    """
    ledger = Ledger(run)
    trainings = list(ledger)  # before anything is dropped
    measurements = []
    for dataset in run.datasets:
        file, (rows, trouble) = Path(run.measurement(dataset)), ledger.measured(dataset)
        if file.exists() and (trouble or any(row.status in statuses for row in rows)):
            measurements.append(file)
    again = [(t, t.row.status) for t in trainings if t.row.status == Status.MISSING or t.row.status in statuses]
    taught_by = {(t.spec.taught_by, t.seed) for t, _ in again if isinstance(t.spec, CellSpec)}
    needed = [t for t in trainings if t.record and t.record.knowledge and (t.spec.key, t.seed) in taught_by]
    again += [(t, Status.MISSING) for t in needed if t.records.purged(t.seed)]
    if not dry:
        _drop(run, [training for training, _ in again], measurements)
    return Counter([*(str(status) for _, status in again), *(MEASUREMENT for _ in measurements)])


def _drop(run: Run, again: list[Training], measurements: list[Path]) -> None:
    for file in measurements:
        file.unlink()
    for dataset in run.datasets:
        if not prepared_task(run, dataset):
            prepared.forget(Path(run.task(dataset)).parent)
    for training in again:
        # Of a stale one the job sees itself whether it is good; it may be, once the data are there.
        if training.record or training.trouble.startswith("damaged"):
            training.records.forget(training.seed)
        for marker in training.records.folder.glob("seeds~*.json"):  # also of blocks of other sizes
            if training.seed in configuration.parse_seeds(marker.stem.removeprefix("seeds~")):
                marker.unlink()
        _forget_students_marks(run, training)


def _forget_students_marks(run: Run, training: Training) -> None:
    """A teacher that is taught anew may know something else: its students' jobs look at it again."""
    if training.spec.key not in run.plan.teachers:
        return
    for cell in run.plan.cells.values():
        if cell.taught_by == training.spec.key:
            for block in run.blocks(cell.key):
                if training.seed in configuration.parse_seeds(block):
                    Path(run.marker(cell.key, block)).unlink(missing_ok=True)


def retry(file: Path, statuses: tuple[str, ...], options: list[str], changes: list[str]) -> int:
    """Forgets, then runs Snakemake; returns its exit code.

    Args:
        options: for Snakemake.
        changes: of the configuration, as `workflow.overrides` takes them; some may stand among the options.

    Raises:
        UserError: the configuration cannot run.
    """
    options, more = overrides.split(options)
    changes = [*changes, *more]
    run = Run(overrides.load(file, changes), str(file))
    if told := overrides.remark(run):
        print(told, file=sys.stderr)
    tunes = TUNE in options
    if tunes and run.tuning is None:
        raise UserError(f"{file}: {NOT_TUNED}")
    if not tunes:
        run.check()
    wanted = run.tuning if tunes and run.tuning else run
    run.lock()
    dry = _is_dry(options)
    counts = forget(wanted, statuses, dry)
    run.unlock()
    if not counts:
        raise UserError(f"{run.results}: nothing is missing, stale or {' or '.join(statuses)}")
    told = ", ".join(f"{number} {status}" for status, number in counts.items())
    print(f"{'would train' if dry else 'training'} again: {told}", flush=True)
    if dry:
        return 0
    # Snakemake does not ask for files behind a finished result: what reads them must be asked for. The configuration
    # stands last: behind it, a target would be taken for a second one.
    changed = ["--config", *changes] if changes else []
    asked = ["--forcerun", TUNE if tunes else "collect", *changed, "--configfile", str(file)]
    return subprocess.run([sys.executable, "-m", "snakemake", *options, *asked], check=False).returncode


def _is_dry(options: list[str]) -> bool:
    """Whether Snakemake would be asked for its plan alone."""
    from snakemake.cli import get_argument_parser  # takes a second

    return bool(get_argument_parser().parse_known_args(options)[0].dryrun)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("config", type=Path, help="config/NAME.yaml")
    overrides.add_argument(parser)
    parser.add_argument(
        "--status",
        nargs="+",
        default=list(PASSING),
        choices=[status for status in Status if status not in (Status.OK, Status.MISSING)],
        help="rows to train again, beside those that are missing or stale; default: failed oom",
    )
    parser.add_argument("snakemake", nargs=argparse.REMAINDER, help="after `--`: options for snakemake")


def call(arguments: argparse.Namespace) -> None:
    """Ends with Snakemake's exit code."""
    options = [option for option in arguments.snakemake if option != "--"]
    sys.exit(retry(arguments.config, tuple(arguments.status), options, arguments.changes))
