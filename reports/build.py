"""Builds a report: `python -m reports.build results/NAME --settings settings.json`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import cells, comparisons, costs, figures, page, ranking, results, sentences, tables
from reports.files import write_text
from reports.settings import Settings

SETTINGS_COPY = "report.json"


def write(folder: Path, settings: Mapping[str, Any]) -> None:
    """Creates comparisons.csv, tables/, figures/ and index.html in `folder` from the tidy files that lie there.

    Called by the workflow's last step. `settings` are the fields of `reports.settings.Settings`. The same input
    gives the same bytes, whatever the order of its rows.

    Raises FileNotFoundError if there are no runs, ValueError if runs or settings contradict themselves.
    """
    folder = Path(folder)
    chosen = Settings.parse(settings)
    found = results.load(folder, chosen)
    compared = comparisons.compare(found, chosen)
    blocks = cells.blocks(found, chosen)
    ranked = ranking.rank(found.runs, chosen)
    write_text(folder / "comparisons.csv", compared.to_csv(index=False, lineterminator="\n"))
    tables.write(folder / "tables", found, blocks, compared, chosen)
    drawings = figures.draw(found, compared, ranked, folder / "figures", chosen)
    write_text(folder / "index.html", page.render(found, blocks, compared, ranked, drawings, chosen))
    write_text(folder / SETTINGS_COPY, json.dumps(dict(settings), indent=1, sort_keys=False) + "\n")


def summary(folder: Path) -> str:
    """A few lines for the terminal about a report that `write` has made: counts, verdicts, time, and the page."""
    folder = Path(folder)
    chosen = Settings.parse(json.loads((folder / SETTINGS_COPY).read_text(encoding="utf-8")))
    found = results.load(folder, chosen)
    compared = comparisons.compare(found, chosen)
    lines = [sentences.counts(found)]
    for family in found.families:
        rows = family.rows(compared)
        leader = sentences.best(rows, found.metric(family.dataset), chosen) or "no complete method"
        verdicts = [
            f"{chosen.method_title(row['method'])}: {row['verdict']}"
            for row in rows.to_dict("records")
            if row["method"] in chosen.spotlight
        ]
        spot = f"; against {chosen.method_title(chosen.reference)}: {', '.join(verdicts)}" if verdicts else ""
        lines.append(f"{tables.comparison_title(found, family, chosen)}: best {leader}{spot}")
    lines.append(f"training time of all runs: {sentences.duration(costs.total_seconds(found))}")
    lines.append(f"page: {folder / 'index.html'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m reports.build", description=__doc__)
    parser.add_argument("folder", type=Path, help="results/NAME, holding runs.parquet or runs.csv")
    parser.add_argument(
        "--settings", type=Path, required=True, help="JSON with the fields of reports.settings.Settings"
    )
    arguments = parser.parse_args()
    try:
        write(arguments.folder, json.loads(arguments.settings.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(summary(arguments.folder))


if __name__ == "__main__":
    main()
