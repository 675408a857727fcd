r"""LaTeX tables that compile with `\usepackage{booktabs}` and nothing else, whatever the texts in them hold."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import TypeVar

from tabulate import LATEX_ESCAPE_RULES

from reports.cells import Arrow
from reports.grid import Entry, Grid, Group, grouped

Item = TypeVar("Item")

SPECIAL = {
    **LATEX_ESCAPE_RULES,
    "^": r"\textasciicircum{}",  # tabulate's is an accent over nothing
    "[": "{[}",  # behind a row's end it would open an option of that
    "]": "{]}",
    "*": "{*}",  # so would a star
    "`": "{`}",
    '"': "''",
    "|": r"\textbar{}",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "\u00a0": "~",
}
MATHS = {
    "±": r"\pm",
    "×": r"\times",
    "·": r"\cdot",
    "−": "-",
    "→": r"\rightarrow",
    "←": r"\leftarrow",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "≥": r"\geq",
    "≤": r"\leq",
    "≠": r"\neq",
    "≈": r"\approx",
    "∞": r"\infty",
    "∈": r"\in",
    "∂": r"\partial",
    "∇": r"\nabla",
    "∑": r"\sum",
    "√": r"\surd",
    "‖": r"\Vert",
    "°": r"^\circ",
    "²": "^2",
    "³": "^3",
    "µ": r"\mu",
    "ϵ": r"\epsilon",
    "ς": r"\varsigma",
    "ο": "o",
}
"""What plain LaTeX knows in mathematics alone; Greek letters are found by their Unicode names."""
LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True))
"""Greek capitals that LaTeX writes as Latin ones."""
KNOWN = SPECIAL | {character: f"${spelt}$" for character, spelt in MATHS.items()} | LATIN
ACCENTS = dict(zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030b\u030c", "`'^~=u." + '"Hv', strict=True))
ACCENTS["\u0327"] = "c"
PREAMBLE = "% Needs \\usepackage{booktabs} in the preamble. Built by reports/; do not edit.\n"
ARROWS = {Arrow.UP: r" $\uparrow$", Arrow.DOWN: r" $\downarrow$", Arrow.NONE: ""}


def escape(text: str) -> str:
    """Text as LaTeX source: every command is spelt out, a control character is a space, an unknown one its number."""
    return "".join(map(_character, unicodedata.normalize("NFC", text)))


@cache
def _character(character: str) -> str:
    if character in KNOWN:
        return KNOWN[character]
    if character.isascii():
        return character if character.isprintable() else " "
    name = unicodedata.name(character, "")
    if name.startswith("GREEK ") and " LETTER " in name and " WITH " not in name:
        letter = name.rpartition(" ")[2].lower().replace("lamda", "lambda")
        return rf"$\{letter.capitalize() if 'CAPITAL' in name else letter}$"
    base, *marks = list(unicodedata.normalize("NFD", character))
    if base.isascii() and len(marks) == 1 and marks[0] in ACCENTS:
        return rf"\{ACCENTS[marks[0]]}{{{base}}}"
    spelt = unicodedata.normalize("NFKD", character)
    return "".join(map(_character, spelt)) if spelt.isascii() else f"U+{ord(character):04X}"


def cell(entry: Entry) -> str:
    """A cell, its arrow as mathematics."""
    if isinstance(entry, str):
        return escape(entry)
    text = escape(entry.text)
    return (rf"\textbf{{{text}}}" if entry.bold else text) + ARROWS[entry.arrow]


def cited(keys: Sequence[str]) -> str:
    r"""`~\cite{...}` of keys that `tables/references.bib` holds."""
    return rf"~\cite{{{','.join(keys)}}}" if keys else ""


def document(grids: Sequence[Grid], legend: str) -> str:
    """A file of tables, each with the legend in its caption."""
    return "\n".join([PREAMBLE, *(table(piece, legend) for grid in grids for piece in pieces(grid))])


MOST_ROWS = 45
"""Of a page, below a caption."""


def pieces(grid: Grid) -> list[Grid]:
    """The grid, or parts of it that each fit a page; notes stand below the last."""
    rows = [(group.title, row) for group in grid.groups for row in group.rows]
    if len(rows) <= MOST_ROWS:
        return [grid]
    parts = chunks(rows, MOST_ROWS)
    return [
        replace(
            grid,
            slug=grid.slug if number == 1 else f"{grid.slug}-rows-{number}",
            title=f"{grid.title}, rows {number} of {len(parts)}",
            groups=grouped(part),
            notes=grid.notes if number == len(parts) else [],
        )
        for number, part in enumerate(parts, start=1)
    ]


def table(grid: Grid, legend: str) -> str:
    """A table environment around one grid."""
    count, widths = len(grid.headings[0]), _widths(grid)
    wide = sum(widths) > MOST_CHARACTERS
    size, gap = ("scriptsize", 2.5) if wide else ("footnotesize", 4.0)
    columns = "r" * (count - 1) if grid.numeric else "l" * (count - 2) + r"p{0.45\linewidth}"
    environment = "table*" if wide or grid.spans == "two" else "table"
    caption = f"{grid.title}. {legend}".strip()
    lines = [
        rf"\begin{{{environment}}}[htbp]",
        rf"\centering\{size}\setlength{{\tabcolsep}}{{{gap:g}pt}}",
        rf"\caption{{{escape(caption)}{cited(grid.cites.get('', []))}}}",
        rf"\label{{tab:{grid.slug}}}",
        rf"\begin{{tabular}}{{@{{}}l{columns}@{{}}}}",
        r"\toprule",
        *(_heading(level, level is grid.headings[-1], widths) for level in grid.headings),
        *(line for group in grid.groups for line in _group(group, grid)),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip\parbox{{\linewidth}}{{\scriptsize {escape(note)}}}" for note in grid.notes),
        rf"\end{{{environment}}}",
    ]
    return "\n".join(lines) + "\n"


MOST_CHARACTERS = 70
"""Across a row, above which a table is set small, and over both columns of a page."""

NEW_LINE = r" \\ "
FEWEST_CHARACTERS = 8
"""Of a line of a heading."""


def _widths(grid: Grid) -> list[int]:
    """Characters of every column: of its longest cell, or of the longest word above it."""
    lines = [[cell if isinstance(cell, str) else cell.text for cell in row] for row in grid.rows]
    words = [max(map(len, text.split() or [""])) for text in grid.headings[-1]]
    return [max([*map(len, column), word]) for *column, word in zip(*lines, words, strict=True)]


def _heading(level: list[str], last: bool, widths: list[int]) -> str:
    """A row of headings, neighbours alike merged but in the last one; what is wider than its cells is broken."""
    first, *others = level
    spans = [(text, 1) for text in others] if last else [(text, len(list(same))) for text, same in groupby(others)]
    cells, place = [escape(first)], 1
    for text, count in spans:
        room = sum(widths[place : place + count]) + 2 * (count - 1)
        stacked = _stacked(text, max(room, FEWEST_CHARACTERS))
        cells.append(stacked if count == 1 else rf"\multicolumn{{{count}}}{{c}}{{{stacked}}}")
        place += count
    return " & ".join(cells) + r" \\"


def _stacked(text: str, width: int) -> str:
    """Text in lines of so many characters, where words allow it."""
    lines = [escape(line) for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)]
    return rf"\shortstack{{{NEW_LINE.join(lines)}}}" if len(lines) > 1 else "".join(lines)


def _group(group: Group, grid: Grid) -> list[str]:
    """The rows of a group below a rule, its title over all columns."""
    lines = [r"\midrule"]
    if group.title:
        title = escape(group.title)
        lines.append(rf"\multicolumn{{{len(grid.headings[0])}}}{{@{{}}l}}{{\emph{{{title}}}}} \\")
    for first, *others in group.rows:
        named = cell(first) + cited(grid.cites.get(first, []) if isinstance(first, str) else [])
        lines.append(" & ".join([named, *map(cell, others)]) + r" \\")
    return lines


def chunks(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Columns, or rows, in pieces of at most `size`, as equal as possible."""
    count = -(-len(items) // size)
    return [items[len(items) * i // count : len(items) * (i + 1) // count] for i in range(count)]
