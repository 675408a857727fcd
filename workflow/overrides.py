"""What a command line changes of a configuration: `--config KEY=VALUE`, as Snakemake has it. Imports no torch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from reports.files import anonymous
from workflow import config as configuration
from workflow.errors import UserError
from workflow.files import read_json
from workflow.run import Run
from workflow.schemas.configuration import Configuration
from workflow.yaml_files import parse


def add_argument(parser: argparse.ArgumentParser) -> None:
    """The option; its values are `changes`."""
    told = "changes the configuration as `snakemake --config` does, such as seeds=3"
    parser.add_argument("--config", "-C", dest="changes", nargs="+", default=[], metavar="KEY=VALUE", help=told)


def split(options: Sequence[str]) -> tuple[list[str], list[str]]:
    """Options for Snakemake without those of `add_argument`, and the values of these."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_argument(parser)
    found, others = parser.parse_known_args(options)
    return others, found.changes


def load(file: Path, changes: Sequence[str]) -> Configuration:
    """The configuration in a file with what is changed of it. Raises UserError."""
    if not changes:
        return configuration.load(file)
    from snakemake.cli import parse_config  # takes a second
    from snakemake.utils import update_config

    raw = parse(file)
    if not isinstance(raw, dict):
        return configuration.load(file)  # which says what is wrong
    try:
        update_config(raw, parse_config(changes))
    except ValueError as error:
        raise UserError(f"--config {' '.join(changes)}: {' '.join(str(error).split())}") from error
    return configuration.complete(raw, str(file))


def remark(run: Run) -> str:
    """Which keys the tables that there are had otherwise; "" where none.

    Whoever forgets an option would otherwise be told that nothing is missing.
    """
    try:
        before = read_json(Path(run.results) / "provenance.json")["config"]
        now = anonymous(configuration.without_places(run.stated.stated))
        keys = [key for key, value in before.items() if now.get(key) != value]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    told = "is another one than in the last tables; --config KEY=VALUE changes it as for snakemake"
    return f"{run.where}: {', '.join(keys)}: {told}" if keys else ""
