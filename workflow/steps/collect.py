"""Gathers all jobs' records into tidy tables: runs, curves, terms, attention, layers, measurements, provenance."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from methods import plugins
from reports.files import anonymous
from reports.rows import (
    ATTENTION_COLUMNS,
    CELL,
    CURVE_COLUMNS,
    LAYER_COLUMNS,
    MEASUREMENT_COLUMNS,
    RUN_COLUMNS,
    TERM_COLUMNS,
    Measurement,
)
from workflow.config import again, without_places
from workflow.errors import UserError, command
from workflow.files import code_digest, read_json, replacing, write_json
from workflow.ledger import Ledger, Training
from workflow.run import Run
from workflow.training.records import History, Matrix

Cell = tuple[Any, ...]
NAMED = 3
"""Trainings that a message names."""


@command
def main() -> None:
    """Called by the rule `collect`, and when a run has failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="the file that `workflow.run.Run.config_file` has written")
    parser.add_argument("--unfinished", action="store_true", help="take what there is; the rest is rows `missing`")
    arguments = parser.parse_args()
    told = read_json(arguments.config)
    if arguments.unfinished:
        arguments.config.unlink()  # is written anew by the next run, which then collects anew
    stated = told["value"]
    run = Run(again(stated["config"], stated["where"]), stated["where"])
    collect(run, arguments.unfinished, told["written"])
    if arguments.unfinished:  # once more: whoever has looked at the run meanwhile has written it, before these tables
        arguments.config.unlink(missing_ok=True)


def collect(run: Run, unfinished: bool, planned: str) -> None:
    """Writes the tidy files of a run.

    Args:
        planned: when its configuration was written down; a page of the same numbers is made anew where that changes.
        unfinished: whether trainings without a record become rows "missing".

    Raises:
        UserError: a training has no record, or one that rests on something else than the plan, or so has a measurement,
            and `unfinished` is False; or the tuned values are stale.
    """
    run.check()
    ledger = Ledger(run)
    trainings = list(ledger)
    if not unfinished:
        refuse_gaps(run, trainings)
    results = Path(run.results)
    runs = pd.DataFrame([training.row.model_dump(mode="json") for training in trainings], columns=RUN_COLUMNS)
    runs["reason"] = runs["reason"].map(anonymous)
    runs = runs.astype({"best_epoch": "Int64"}).sort_values(CELL, ignore_index=True)
    histories = sorted(((t.row.cell, t.record.history) for t in trainings if t.record), key=lambda pair: str(pair[0]))
    tables = {
        "curves": pd.DataFrame(curve_rows(histories), columns=CURVE_COLUMNS),
        "terms": pd.DataFrame(term_rows(histories), columns=TERM_COLUMNS),
        "attention": pd.DataFrame(trace_rows(histories), columns=ATTENTION_COLUMNS),
        "layers": pd.DataFrame(layer_rows(histories), columns=LAYER_COLUMNS),
    }
    measured = [row for dataset in run.datasets for row in measured_of(run, ledger, dataset, unfinished)]
    measurements = pd.DataFrame([row.model_dump(mode="json") for row in measured], columns=MEASUREMENT_COLUMNS)
    write_csv(runs, results / "runs.csv")
    write_csv(measurements, results / "measurements.csv")
    for name, frame in {**tables, "runs": runs}.items():
        with replacing(results / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    write_json(results / "provenance.json", anonymous({**provenance(run, ledger, runs), "planned": planned}))
    print(f"{len(runs)} rows in {results}/runs.parquet")


def refuse_gaps(run: Run, trainings: list[Training]) -> None:
    """Raises UserError where a training has no record that belongs to the plan."""
    gaps = [training for training in trainings if training.record is None]
    if gaps:
        named = "; ".join(f"{t.name} ({t.trouble or 'missing'})" for t in gaps[:NAMED])
        more = f"; and {len(gaps) - NAMED} more" if len(gaps) > NAMED else ""
        raise UserError(
            f"{run.results}: {len(gaps)} of {len(trainings)} trainings do not belong to {run.where}: {named}{more}; "
            f"train them with: abkd-bench retry {run.where}"
        )


def measured_of(run: Run, ledger: Ledger, dataset: str, unfinished: bool) -> list[Measurement]:
    """The measurements of a dataset. Raises UserError, or says so and gives none, where they are not those planned."""
    rows, trouble = ledger.measured(dataset)
    told = f"{run.measurement(dataset)}: {trouble}; measure again with: abkd-bench retry {run.where}"
    if trouble and not unfinished:
        raise UserError(told)
    if trouble and Path(run.measurement(dataset)).exists():
        print(told, file=sys.stderr)
    return rows


def curve_rows(histories: list[tuple[Cell, History]]) -> Iterator[Cell]:
    """One row per evaluation."""
    for cell, history in histories:
        for epoch, loss, valid in history.curve:
            yield (*cell, epoch, loss, valid)


def term_rows(histories: list[tuple[Cell, History]]) -> Iterator[Cell]:
    """One row per evaluation and term of the loss."""
    for cell, history in histories:
        for epoch, terms in history.terms:
            for name, value in terms.items():
                yield (*cell, epoch, name, value)


def trace_rows(histories: list[tuple[Cell, History]]) -> Iterator[Cell]:
    """One row per matrix entry of what the methods traced."""
    for cell, history in histories:
        for epoch, tensors in history.trace:
            for name, matrix in tensors.items():
                for entry in _entries(matrix):
                    yield (*cell, epoch, name, *entry)


def layer_rows(histories: list[tuple[Cell, History]]) -> Iterator[Cell]:
    """One row per pair of layers, before and after a training."""
    for cell, history in histories:
        for when, matrix in history.layers.items():
            for entry in _entries(matrix):
                yield (*cell, when, *entry)


def _entries(matrix: Matrix) -> Iterator[tuple[int, int, float | None]]:
    for i, values in enumerate(matrix):
        for j, value in enumerate(values):
            yield i, j, value


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """A table, whole or not at all."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def provenance(run: Run, ledger: Ledger, runs: pd.DataFrame) -> dict[str, Any]:
    """What a reader needs to judge or repeat the run."""
    trained = runs[runs["device"] != ""]
    return {
        "config_file": run.where,
        "config": without_places(run.stated.stated),
        "commit": sorted(trained["commit"].unique()),
        "versions": sorted(trained["versions"].unique()),
        "devices": sorted(trained["device"].unique()),
        "threads_per_training": sorted(int(n) for n in trained["threads"].unique()),
        "machine": {"system": platform.system(), "processor": processor(), "cores": os.cpu_count()},
        "plugins": {folder.name: code_digest(sorted(folder.rglob("*.py"))) for folder in plugins.active()},
        "fingerprints": {dataset: fingerprint for dataset, fingerprint in ledger.fingerprints.items() if fingerprint},
    }


def processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, family and model: two of one name may differ in their instructions, and so in roundings."""
    try:
        lines = (line.partition(":") for line in told.read_text().splitlines())
        facts = {key.strip(): value.strip() for key, _, value in lines}
        numbers = {"family": facts.get("cpu family"), "model": facts.get("model")}
        return ", ".join([facts["model name"], *(f"{word} {number}" for word, number in numbers.items() if number)])
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
