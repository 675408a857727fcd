"""Picks the hyperparameters of every method after a tuning run, by mean validation score.

In a tuning configuration the labels `METHOD.1`, `METHOD.2`, ... are the candidates of METHOD; its seeds are others than
those that are reported. Test scores are not read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import yaml

from reports.metrics import metric
from reports.rows import Status
from workflow import config as configuration
from workflow.errors import UserError, command
from workflow.schemas.configuration import Configuration


def candidates(config: Configuration) -> dict[str, list[str]]:
    """Labels of the candidates by method."""
    found: dict[str, list[str]] = {}
    for label in config.methods:
        name, dot, _ = label.rpartition(".")
        if dot:
            found.setdefault(name, []).append(label)
    return found


def choose(runs: pd.DataFrame, config: Configuration) -> pd.DataFrame:
    """One row per candidate: its mean validation score over all students and seeds, and whether it is chosen.

    A candidate with a training that is not "ok" cannot be chosen.

    Raises:
        UserError: no candidate of a method has finished all its trainings, or the datasets' metrics point in opposite
            directions.
    """
    signs = {metric(name).sign for name in runs["metric"].unique()}
    if len(signs) > 1:
        raise UserError("the datasets of a tuning run must agree on whether larger scores are better")
    rows = []
    for name, labels in candidates(config).items():
        for label in labels:
            cell = runs[runs["method"] == label]
            whole = len(cell) > 0 and (cell["status"] == Status.OK).all()
            score = cell["valid"].mean() if whole else float("nan")
            rows.append((name, label, config.method(label).hyperparameters, score))
    table = pd.DataFrame(rows, columns=["method", "candidate", "hyperparameters", "valid"])
    signed = table["valid"] * next(iter(signs), 1)
    finished = table[signed.notna()]
    missing = set(table["method"]) - set(finished["method"])
    if missing:
        raise UserError(f"no candidate of {', '.join(sorted(missing))} has finished all its trainings")
    best = signed[finished.index].groupby(finished["method"]).idxmax()
    return table.assign(chosen=table.index.isin(best))


def print_choices(file: Path) -> None:
    """Prints every candidate's score and the choices, as the `methods` section of a configuration.

    Raises:
        UserError: the configuration has not been run, or see `choose`.
    """
    config = configuration.load(file)
    path = Path("results") / file.stem / "runs.parquet"
    if not path.exists():
        raise UserError(f"{path} is missing; first run snakemake --configfile {file}")
    table = choose(pd.read_parquet(path), config)
    print(table.to_string(index=False, formatters={"valid": "{:.4f}".format}))
    best = table[table["chosen"]]
    chosen = {
        name: config.method(label).model_dump(exclude_unset=True)
        for name, label in zip(best["method"], best["candidate"], strict=True)
    }
    print("\n" + yaml.safe_dump({"methods": chosen}, sort_keys=False))


@command
def main() -> None:
    """Prints the choices of a tuning run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="the tuning configuration, after its run")
    print_choices(parser.parse_args().config)


if __name__ == "__main__":
    main()
