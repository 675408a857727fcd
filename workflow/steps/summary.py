"""Prints what a run has found, what has failed or is missing, and where its page is."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import build
from workflow.errors import command, reported


@command
def main() -> None:
    """Called when a run has ended.

    Raises:
        UserError: the folder's files cannot be read or contradict themselves.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results/NAME")
    parser.add_argument("--goes-on", metavar="CONFIG", help="the configuration of a run that has not come to its end")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    print()
    if not (folder / build.SETTINGS_COPY).exists():
        print("no tables or page yet: the run stopped before `report`")
        return
    with reported():
        print(build.summary(folder))
    if arguments.goes_on:
        print(f"to go on: snakemake --configfile {arguments.goes_on}; to train failed rows again, too: ", end="")
        print(f"abkd-bench retry {arguments.goes_on}")


if __name__ == "__main__":
    main()
