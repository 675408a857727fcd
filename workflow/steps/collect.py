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

from reports.rows import ATTENTION_COLUMNS, CELL, CURVE_COLUMNS, MEASUREMENT_COLUMNS, RUN_COLUMNS
from workflow.errors import command
from workflow.files import read_json, replacing, write_json
from workflow.run import Run


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", help="the configuration's file, which names the run")
    parser.add_argument("--config", type=json.loads, required=True, help="the complete configuration as JSON")
    arguments = parser.parse_args()
    run = Run(arguments.config, arguments.where)
    results = Path(run.results)
    blocks = [(read_json(path), read_json(Path(path).with_name("history.json"))) for path in run.all_rows]
    rows = [row for block, _ in blocks for row in block]
    histories = {(*cell_of(row), row["seed"]): h for block, hs in blocks for row, h in zip(block, hs, strict=True)}
    runs = pd.DataFrame(rows, columns=RUN_COLUMNS).astype({"best_epoch": "Int64"})
    runs = runs.sort_values(CELL, ignore_index=True)
    curves = pd.DataFrame(curve_rows(histories), columns=CURVE_COLUMNS)
    attention = pd.DataFrame(trace_rows(histories), columns=ATTENTION_COLUMNS)
    measured = [row for path in run.all_measurements for row in read_json(path)]
    write_csv(runs, results / "runs.csv")
    write_csv(pd.DataFrame(measured, columns=MEASUREMENT_COLUMNS), results / "measurements.csv")
    for frame, name in ((curves, "curves"), (attention, "attention"), (runs, "runs")):
        with replacing(results / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    write_json(results / "provenance.json", provenance(run, runs))
    print(f"{len(runs)} rows in {results}/runs.parquet")


def cell_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in CELL[:-1])


def curve_rows(histories: dict[tuple[Any, ...], dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for cell, history in sorted(histories.items(), key=str):
        for epoch, loss, valid in history["curve"]:
            yield (*cell, epoch, loss, valid)


def trace_rows(histories: dict[tuple[Any, ...], dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """One row a matrix entry of what the methods traced."""
    for cell, history in sorted(histories.items(), key=str):
        for epoch, tensors in history["trace"]:
            for name, matrix in tensors.items():
                for i, values in enumerate(matrix):
                    for j, value in enumerate(values):
                        yield (*cell, epoch, name, i, j, value)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def provenance(run: Run, runs: pd.DataFrame) -> dict[str, Any]:
    """What a reader needs to judge or repeat the run."""
    return {
        "config_file": run.where,
        "config": dict(run.config),
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
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
