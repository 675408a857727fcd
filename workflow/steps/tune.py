"""Picks the hyperparameters of every method after a tuning run, by mean rank of the validation score.

In a tuning configuration the labels `METHOD.1`, `METHOD.2`, ... are the candidates of METHOD; its seeds are others than
those that are reported. Test scores are not read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import yaml

from reports.metrics import metric
from reports.results import read_runs
from reports.rows import FAMILY, Status
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
    """One row per candidate: mean rank, mean validation score per dataset, whether it is chosen, and a note.

    The candidates of a method are ranked by their mean validation score over seeds within each family (dataset,
    teacher, student), best first by the family's metric, ties sharing the mean of their ranks; the smallest mean rank
    is chosen, of equal ones the first listed. A candidate with a training that did not end well has no rank: it failed,
    is missing, or was skipped where another candidate was not. A family in which all were skipped ranks nobody.

    Args:
        runs: rows with FAMILY, method, metric, seed, status and valid.
    """
    tables = [_of_method(runs, name, labels) for name, labels in candidates(config).items()]
    if not tables:
        raise UserError(f"{config.title}: no method has candidates; they are labelled METHOD.1, METHOD.2, ...")
    table = pd.concat(tables, ignore_index=True)
    table.insert(2, "hyperparameters", [config.method(label).hyperparameters for label in table["candidate"]])
    return table


def _of_method(runs: pd.DataFrame, name: str, labels: list[str]) -> pd.DataFrame:
    own = runs[runs["method"].isin(labels)]
    families = [rows for _, rows in own.groupby(FAMILY, dropna=False) if (rows["status"] != Status.SKIPPED).any()]
    notes = {label: _trouble(families, label) for label in labels}
    ranked = [label for label in labels if not notes[label]]
    ranks = pd.DataFrame(index=ranked)
    scores: dict[str, list[pd.Series]] = {}
    for number, rows in enumerate(families):
        means = rows.groupby("method")["valid"].mean().reindex(ranked)
        ranks[number] = means.rank(ascending=not metric(rows["metric"].iloc[0]).higher_is_better)
        scores.setdefault(f"valid {rows['dataset'].iloc[0]}", []).append(means)
    rank = ranks.mean(axis=1)
    equal = [label for label in ranked if rank[label] == rank.min()]
    if len(equal) > 1:
        notes[equal[0]] = f"shares its rank with {', '.join(equal[1:])}; the first listed is taken"
    columns = {
        "method": name,
        "candidate": labels,
        "rank": rank.reindex(labels).to_numpy(),
        "chosen": [label in equal[:1] for label in labels],
        "note": [notes[label] for label in labels],
        **{title: pd.concat(means, axis=1).mean(axis=1).reindex(labels).to_numpy() for title, means in scores.items()},
    }
    return pd.DataFrame(columns)


def _trouble(families: list[pd.DataFrame], label: str) -> str:
    """Why a candidate has no rank; nothing where every training of its families gave a validation score."""
    if not families:
        return "does not apply here"
    for rows in families:
        own = rows[rows["method"] == label]
        where = " ".join(map(str, rows[["dataset", "student"]].iloc[0]))
        if len(bad := own[own["status"] != Status.OK]):
            return f"{bad['status'].iloc[0]} on {where}"
        if set(own["seed"]) != set(rows["seed"]) or own["valid"].isna().any():
            return f"lacks a score on {where}"
    return ""


def print_choices(file: Path) -> None:
    """Prints every candidate's ranks and scores, and the choices as the `methods` section of a configuration.

    Raises:
        UserError: the configuration has not been run, or no candidate of a method can be chosen (after the choices of
            the others).
    """
    config = configuration.load(file)
    folder = Path("results") / file.stem
    if not folder.is_dir():
        raise UserError(f"{folder} is missing; first run snakemake --configfile {file}")
    try:
        table = choose(read_runs(folder), config)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    last = ["chosen", "note"]
    print(table[[*table.columns.drop(last), *last]].to_string(index=False, na_rep="-", float_format="{:.4f}".format))
    best = table[table["chosen"]]
    chosen = {
        name: config.method(label).model_dump(exclude_unset=True)
        for name, label in zip(best["method"], best["candidate"], strict=True)
    }
    if chosen:
        print("\n" + yaml.safe_dump({"methods": chosen}, sort_keys=False))
    if without := [name for name in candidates(config) if name not in chosen]:
        raise UserError(f"no candidate of {', '.join(without)} can be chosen; the column `note` says why")


@command
def main() -> None:
    """Prints the choices of a tuning run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="the tuning configuration, after its run")
    print_choices(parser.parse_args().config)


if __name__ == "__main__":
    main()
