"""Prints what a run has found and where its page is."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports import build


def main() -> None:
    """Called when a run has succeeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results/NAME")
    folder = parser.parse_args().folder
    print(f"\n{len(list(folder.rglob('rows.json')))} training jobs")
    if (folder / build.SETTINGS_COPY).exists():
        print(build.summary(folder))
    else:
        print("no tables or page yet: the run stopped before `report`")


if __name__ == "__main__":
    main()
