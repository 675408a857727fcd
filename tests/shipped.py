"""Which methods this repository answers for, as opposed to private ones that somebody keeps in `baselines/`."""

from __future__ import annotations

import methods
from methods.registry import REFERENCES


def shipped() -> list[str]:
    """Ids of the methods cited in methods/references.bib, sorted; a method with a `bibtex` of its own is private."""
    entries = REFERENCES.read_text()
    found = ((name, methods.load(name)) for name in methods.available())
    return [name for name, cls in found if not cls.bibtex and f"{{{cls.citation}," in entries]
