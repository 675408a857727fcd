"""Writes the comparisons, tables, figures and the page of a collected run."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import build
from workflow.errors import UserError, command
from workflow.files import read_json


@command
def main() -> None:
    """Called by the rule `report`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results/NAME")
    parser.add_argument("settings", type=Path, help="the file that `workflow.run.Run.settings_file` has written")
    arguments = parser.parse_args()
    try:
        build.write(arguments.folder, read_json(arguments.settings)["value"]["settings"])
    except ValueError as error:
        raise UserError(f"{arguments.folder}: {error}") from error


if __name__ == "__main__":
    main()
