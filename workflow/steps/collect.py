"""Gathers the rows of all jobs into tidy tables: runs, curves, attention maps, measurements, provenance."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from reports.rows import ATTENTION_COLUMNS, CELL, CURVE_COLUMNS, MEASUREMENT_COLUMNS, RUN_COLUMNS, Measurement, Row
from workflow.config import complete
from workflow.errors import command
from workflow.files import read_json, replacing, write_json
from workflow.run import Run
from workflow.training.rows import History, read_block

Cell = tuple[Any, ...]


@command
def main() -> None:
    """Called by the rule `collect`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", help="the configuration's file, which names the run")
    parser.add_argument("--config", type=json.loads, required=True, help="the configuration as JSON")
    arguments = parser.parse_args()
    run = Run(complete(arguments.config, arguments.where), arguments.where)
    results = Path(run.results)
    trainings = [training for path in run.all_rows for training in read_block(Path(path).parent)]
    runs = pd.DataFrame([row.model_dump(mode="json") for row, _ in trainings], columns=RUN_COLUMNS)
    runs = runs.astype({"best_epoch": "Int64"}).sort_values(CELL, ignore_index=True)
    histories = sorted(((cell_of(row), history) for row, history in trainings), key=lambda pair: str(pair[0]))
    curves = pd.DataFrame(curve_rows(histories), columns=CURVE_COLUMNS)
    attention = pd.DataFrame(trace_rows(histories), columns=ATTENTION_COLUMNS)
    measured = [
        Measurement.model_validate(row, strict=False) for path in run.all_measurements for row in read_json(path)
    ]
    measurements = pd.DataFrame([row.model_dump(mode="json") for row in measured], columns=MEASUREMENT_COLUMNS)
    write_csv(runs, results / "runs.csv")
    write_csv(measurements, results / "measurements.csv")
    for frame, name in ((curves, "curves"), (attention, "attention"), (runs, "runs")):
        with replacing(results / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    write_json(results / "provenance.json", provenance(run, runs))
    print(f"{len(runs)} rows in {results}/runs.parquet")


def cell_of(row: Row) -> Cell:
    """The values of the columns that name a training."""
    return tuple(getattr(row, column) for column in CELL)


def curve_rows(histories: list[tuple[Cell, History]]) -> Iterator[Cell]:
    """One row per evaluation."""
    for cell, history in histories:
        for epoch, loss, valid in history.curve:
            yield (*cell, epoch, loss, valid)


def trace_rows(histories: list[tuple[Cell, History]]) -> Iterator[Cell]:
    """One row per matrix entry of what the methods traced."""
    for cell, history in histories:
        for epoch, tensors in history.trace:
            for name, matrix in tensors.items():
                for i, values in enumerate(matrix):
                    for j, value in enumerate(values):
                        yield (*cell, epoch, name, i, j, value)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """A table, whole or not at all."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def provenance(run: Run, runs: pd.DataFrame) -> dict[str, Any]:
    """What a reader needs to judge or repeat the run."""
    return {
        "config_file": run.where,
        "config": run.config.stated,
        "commit": sorted(runs["commit"].unique()),
        "versions": sorted(runs["versions"].unique()),
        "devices": sorted(runs["device"].unique()),
        "threads_per_training": sorted(int(n) for n in runs["threads"].unique()),
        "machine": {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
        "fingerprints": {
            dataset: read_json(path)["fingerprint"] for dataset, path in zip(run.datasets, run.all_tasks, strict=True)
        },
    }


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
