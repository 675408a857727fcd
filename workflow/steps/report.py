"""Writes the comparisons, tables, figures and the page of a collected run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from reports import build
from workflow.errors import command


@command
def main() -> None:
    """Called by the rule `report`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results/NAME")
    parser.add_argument("--settings", type=json.loads, required=True, help="titles, reference and significance level")
    arguments = parser.parse_args()
    build.write(arguments.folder, arguments.settings)


if __name__ == "__main__":
    main()
