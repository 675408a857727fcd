"""How a table is written as Markdown, LaTeX, CSV and HTML: in one place for every table.

No format trusts a text: every character that it would read as a command is spelt out.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from reports import latex
from reports.cells import Cell
from reports.files import write_text
from reports.grid import ARROWS, Entry, Grid, plain
from reports.printing import one_line


def markdown_escape(text: str) -> str:
    """Text for a Markdown table: no character opens a column, an emphasis, a tag or another line."""
    text = one_line(text, 10_000)
    for character in "\\|*_`<>[]":
        text = text.replace(character, f"\\{character}")
    return text


def _markdown(entry: Entry) -> str:
    if isinstance(entry, str):
        return markdown_escape(entry)
    text = markdown_escape(entry.text)
    return (f"**{text}**" if entry.bold else text) + ARROWS[entry.arrow]


def markdown(grids: Sequence[Grid], legend: str) -> str:
    """One Markdown table per grid, and the legend of all."""
    parts = []
    for grid in grids:
        levels = [dict.fromkeys(filter(None, column)) for column in zip(*grid.headings, strict=True)]
        headings = [", ".join(own).replace("→, ", "→ ") for own in levels]
        rows: list[list[str]] = []
        for group in grid.groups:
            if group.title:
                rows.append([f"*{markdown_escape(group.title)}*", *[""] * (len(headings) - 1)])
            rows += [[_markdown(entry) for entry in row] for row in group.rows]
        parts.append(f"### {markdown_escape(grid.title)}")
        parts.append(tabulate(rows, list(map(markdown_escape, headings)), tablefmt="pipe", disable_numparse=True))
        parts += map(markdown_escape, grid.notes)
    return "\n\n".join([*parts, markdown_escape(legend)]) + "\n"


def _html(entry: Entry, tag: str, numeric: bool) -> str:
    classes = ' class="number"' if numeric else ""
    text = html.escape(plain(entry))
    return f"<{tag}{classes}>{f'<strong>{text}</strong>' if isinstance(entry, Cell) and entry.bold else text}</{tag}>"


def as_html(grids: Sequence[Grid], legend: str) -> str:
    """The tables as a fragment of HTML: for a paper's web page, or Snakemake's report."""
    parts = []
    for grid in grids:
        parts.append(f"<table>\n<caption>{html.escape(grid.title)}</caption>\n<thead>")
        for level in grid.headings:
            spans = [(text, len(list(same))) for text, same in groupby(level)] if level is not grid.headings[-1] else []
            cells = spans or [(text, 1) for text in level]
            parts.append(
                "<tr>"
                + "".join(f'<th scope="col" colspan="{count}">{html.escape(text)}</th>' for text, count in cells)
                + "</tr>"
            )
        parts.append("</thead>\n<tbody>")
        for group in grid.groups:
            if group.title:
                columns = len(grid.headings[0])
                parts.append(f'<tr><th scope="rowgroup" colspan="{columns}">{html.escape(group.title)}</th></tr>')
            for first, *others in group.rows:
                cells_ = "".join(_html(entry, "td", grid.numeric) for entry in others)
                parts.append(f'<tr><th scope="row">{html.escape(plain(first))}</th>{cells_}</tr>')
        parts.append("</tbody>\n</table>")
        parts += [f"<p>{html.escape(note)}</p>" for note in grid.notes]
    head = '<!doctype html>\n<meta charset="utf-8">\n'
    return head + "\n".join([*parts, f"<p>{html.escape(legend)}</p>"]) + "\n"


def frame(grids: Sequence[Grid]) -> pd.DataFrame:
    """All grids under each other as plain text, with the title of each; their headings differ, so cells are named."""
    parts = []
    for grid in grids:
        headings = [" | ".join(dict.fromkeys(column)) for column in zip(*grid.headings, strict=True)]
        for group in grid.groups:
            for row in group.rows:
                lead = {"table": grid.title, "group": group.title}
                parts.append(lead | dict(zip(headings, map(plain, row), strict=True)))
    return pd.DataFrame(parts)


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With which a spreadsheet takes a cell for a formula."""


def write_csv(target: Path, frame: pd.DataFrame) -> None:
    """A table for a spreadsheet: signs in ASCII, no cell that is read as a formula, and a mark that says UTF-8."""
    safe = frame.rename(columns=_for_spreadsheets)
    words = safe.select_dtypes(include=["object", "string"])
    safe[words.columns] = words.map(_for_spreadsheets)
    write_text(target, "\ufeff" + safe.to_csv(index=False, lineterminator="\n"))


def _for_spreadsheets(value: Any) -> Any:
    """A signed number stays one; any other text that begins like a formula gets an apostrophe before it."""
    if not isinstance(value, str):
        return value
    text = value.replace("\u2212", "-")
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


SUFFIXES = (".md", ".tex", ".html", ".csv")


def write(
    folder: Path,
    name: str,
    grids: Sequence[Grid],
    legend: str,
    numbers: pd.DataFrame | None = None,
    paper: Sequence[Grid] | None = None,
) -> None:
    """Writes `name` with each of SUFFIXES.

    Args:
        numbers: what the CSV holds in place of the texts.
        paper: what the LaTeX holds in place of the grids.
    """
    write_text(folder / f"{name}.md", markdown(grids, legend))
    write_text(folder / f"{name}.tex", latex.document(grids if paper is None else paper, legend))
    write_text(folder / f"{name}.html", as_html(grids, legend))
    write_csv(folder / f"{name}.csv", frame(grids) if numbers is None else numbers)
