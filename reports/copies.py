"""What the page's buttons copy: the LaTeX of every table, as the files under `tables/` hold it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from reports.latex import PREAMBLE
from reports.results import slug

TABLE = re.compile(r"\\begin\{(table\*?)\}.*?\\end\{\1\}", re.DOTALL)
LABEL = re.compile(r"\\label\{tab:([^}]*)\}")


def environments(folder: Path) -> dict[str, str]:
    r"""Label behind `tab:` -> its table environment under a line on what it needs, of every .tex file of a folder."""
    found = {}
    for path in sorted(folder.glob("*.tex")):
        for table in TABLE.finditer(path.read_text(encoding="utf-8")):
            if label := LABEL.search(table[0]):
                found[label[1]] = f"{PREAMBLE}{table[0]}\n"
    return found


def of_dataset(labels: Iterable[str], dataset: str) -> list[str]:
    """The labels of a dataset's main table, which may stand in several parts."""
    return [label for label in labels if re.fullmatch(rf"{re.escape(slug(dataset))}-\d+", label)]
