"""The sources of the datasets and networks of a run, for its bibliography.

An entry of `workflow/references.bib` (or of `methods/references.bib`) names under `keywords` the files of
`workflow/datasets/` and `workflow/models/architectures/` that it is the source of: text that changes no training. No
torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from methods.registry import REFERENCES, entries

FILE = Path(__file__).with_name("references.bib")
KEYWORDS = re.compile(r",\s*keywords\s*=\s*\{([^}]*)\}")


@cache
def _named() -> dict[str, dict[str, str]]:
    """File -> citation key -> entry, without its keywords, which no paper should print."""
    found: dict[str, dict[str, str]] = {}
    for path in (REFERENCES, FILE):
        for key, entry in entries(path.read_text(encoding="utf-8")).items():
            if listed := KEYWORDS.search(entry):
                for name in listed[1].split(","):
                    found.setdefault(name.strip(), {})[key] = KEYWORDS.sub("", entry)
    return found


def of(files: Iterable[str]) -> dict[str, str]:
    """Citation key -> BibTeX entry of some files of datasets or networks, in their order; unknown ones have none."""
    return {key: entry for name in files for key, entry in _named().get(name, {}).items()}
