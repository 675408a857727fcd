"""Builds a report: `python -m reports.build results/NAME --settings settings.json`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from reports import (
    adding,
    comparisons,
    copies,
    costs,
    figures,
    page,
    printing,
    results,
    sentences,
    tables,
    terminal,
    troubles,
)
from reports.attempts import Verdict
from reports.files import write_text
from reports.findings import Findings
from reports.reading import read_object
from reports.rows import RUN_COLUMNS
from reports.settings import Settings

SETTINGS_COPY = "report.json"


def write(folder: Path, settings: Mapping[str, Any]) -> Findings:
    """Creates comparisons.csv, tables/, figures/ and index.html in `folder` from the tidy files that lie there.

    Called by the workflow's last step. The same input gives the same bytes, whatever the order of its rows.

    Args:
        settings: the fields of `reports.settings.Settings`.

    Returns:
        What the report says.

    Raises:
        FileNotFoundError: there are no runs.
        ValueError: runs or settings contradict themselves.
    """
    folder = Path(folder)
    findings = _findings(folder, settings)
    compared = comparisons.frame(findings.comparisons)
    write_text(folder / "comparisons.csv", compared.to_csv(index=False, lineterminator="\n"))
    with figures.started(findings, folder / "figures") as sections:
        tables.write(folder / "tables", findings)
        latex = copies.environments(folder / "tables")
        text = page.render(findings, sections, latex)
    write_text(folder / "index.html", text)
    # A line per key: a quarter smaller than with one per value, where runs are stored, and still to be compared.
    lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in settings.items())
    write_text(folder / SETTINGS_COPY, "{\n" + ",\n".join(lines) + "\n}\n")
    return findings


def rebuild(folder: Path) -> Findings:
    """Builds a report anew, with the settings that it was made with.

    Raises:
        FileNotFoundError, ValueError: as `write`.
    """
    return write(folder, settings_of(folder))


def add_results(folder: Path, file: Path, label: str) -> Findings:
    """Adds results that were trained elsewhere as a method of a run, and builds its report anew.

    Raises:
        FileNotFoundError, ValueError: as `write`, or see `reports.adding.named`.
    """
    settings = settings_of(folder)
    runs = results.read_runs(folder)
    added = adding.named(file, label, runs, folder)
    results.prepare(pd.concat([runs[RUN_COLUMNS], added[RUN_COLUMNS]], ignore_index=True), str(file))
    adding.keep(folder, label, added)
    return write(folder, settings)


def summary(folder: Path, findings: Findings | None = None) -> str:
    """Lines for the terminal about a report that `write` has made: counts, verdicts, troubles, time, and the page.

    Args:
        findings: what `write` returned; worked out again where they are not at hand.

    Raises:
        FileNotFoundError, ValueError: as `write`.
    """
    folder = Path(folder)
    findings = findings or _findings(folder, settings_of(folder))
    chosen = findings.settings
    lines = [sentences.counts(findings.results)]
    for family, rows in findings.comparisons.items():
        leader = sentences.best(findings, family) or "no complete method"
        spotlit = [row for row in rows if row.method in chosen.spotlight]
        verdicts = ", ".join(f"{chosen.method_title(row.method)}: {printing.one_line(row.words)}" for row in spotlit)
        against = f"; against {chosen.method_title(chosen.reference)}: {verdicts}" if verdicts else ""
        best = "best so far" if any(row.verdict == Verdict.UNFINISHED for row in rows) else "best"
        lines.append(f"{findings.title(family)}: {best} {leader}{against}")
    lines += troubles.lines(findings.results, chosen)
    if unfinished := troubles.unfinished(findings.results):
        lines.append(f"unfinished: {unfinished}")
    lines += [f"figures: {line}" for line in figures.missing(folder / "figures")]
    lines.append(f"training time of all runs: {printing.duration(costs.total_seconds(findings.results))}")
    lines.append(f"page: {folder / 'index.html'}")
    return "\n".join(lines)


def settings_of(folder: Path) -> dict[str, Any]:
    """The settings that the last report of a run was made with.

    Raises:
        FileNotFoundError: there is no such folder, or no report was made in it.
        ValueError: the file cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    if not (folder / SETTINGS_COPY).exists():
        raise FileNotFoundError(f"{folder / SETTINGS_COPY} is missing; the step `report` of a run writes it")
    return read_object(folder / SETTINGS_COPY)


def _findings(folder: Path, settings: Mapping[str, Any]) -> Findings:
    chosen = Settings.parse(settings)
    return Findings.of(results.load(folder, chosen), chosen)


def main() -> None:
    """The command line; a mistake is one line on standard error and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m reports.build", description=__doc__)
    parser.add_argument("folder", type=Path, help="results/NAME, holding runs.parquet or runs.csv")
    parser.add_argument(
        "--settings", type=Path, required=True, help="JSON with the fields of reports.settings.Settings"
    )
    terminal.tolerate()
    arguments = parser.parse_args()
    try:
        findings = write(arguments.folder, read_object(arguments.settings))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(summary(arguments.folder, findings))


if __name__ == "__main__":
    main()
