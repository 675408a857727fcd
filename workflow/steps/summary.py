"""Prints what a run has found and where its page is."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results/NAME")
    folder = parser.parse_args().folder
    print(f"\n{len(list(folder.rglob('rows.json')))} training jobs")
    print(build.summary(folder))


if __name__ == "__main__":
    main()
