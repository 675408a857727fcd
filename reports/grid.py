"""A table of texts, before it has a format. A cell is text; `Cell` adds a weight and an arrow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reports.cells import Arrow, Cell
from reports.printing import ABSENT

ARROWS = {Arrow.UP: " ↑", Arrow.DOWN: " ↓", Arrow.NONE: ""}
Entry = str | Cell


@dataclass(frozen=True)
class Group:
    """Rows under a heading of their own; without one they follow on."""

    title: str
    rows: list[list[Entry]]
    cites: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Grid:
    r"""One table.

    Attributes:
        slug: unique among all tables of a report; the LaTeX label.
        headings: rows of headings, each with one text per column; neighbours alike in all rows but the last are merged.
        groups: the body; the first column names the rows.
        notes: below it.
        cites: title of a row -> citation keys, for LaTeX alone.
        numeric: columns from the second on are numbers, set to the right.
        spans: columns of the page that its LaTeX spans.
    """

    slug: str
    title: str
    headings: list[list[str]]
    groups: list[Group]
    notes: list[str] = field(default_factory=list)
    cites: dict[str, list[str]] = field(default_factory=dict)
    numeric: bool = True
    spans: str = "one"

    @property
    def rows(self) -> list[list[Entry]]:
        """All of them."""
        return [row for group in self.groups for row in group.rows]


def plain(entry: Entry | None) -> str:
    """A cell without its weight, for CSV and screen readers."""
    if entry is None:
        return ABSENT
    return entry if isinstance(entry, str) else entry.text + ARROWS[entry.arrow]


def grouped(rows: Iterable[tuple[str, list[Entry]]]) -> list[Group]:
    """Rows with the title of their group, as groups in the order of their first rows."""
    found: dict[str, list[list[Entry]]] = {}
    for title, row in rows:
        found.setdefault(title, []).append(row)
    return [Group(title, own) for title, own in found.items()]
