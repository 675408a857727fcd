r"""LaTeX fragments that compile with `\usepackage{booktabs}` and nothing else."""

from __future__ import annotations

import pandas as pd
from tabulate import LATEX_ESCAPE_RULES

from reports.cells import Arrow, Cell, Column, Panel
from reports.printing import ABSENT
from reports.results import slug
from reports.settings import Settings

COLUMNS_PER_TABLE = 3
"""Families side by side: with the method's name, what fits the text width of `article` in footnote size."""

SPECIAL = str.maketrans(
    {
        **LATEX_ESCAPE_RULES,
        "^": r"\textasciicircum{}",  # tabulate's is an accent over nothing
        "±": r"$\pm$",
        "×": r"$\times$",
        "→": r"$\rightarrow$",
        "−": r"$-$",
        "—": "---",
        "–": "--",
        "≥": r"$\geq$",
    }
)
"""What tabulate spells out, and the characters of these tables that plain LaTeX does not know."""

PREAMBLE = "% Needs \\usepackage{booktabs} in the preamble. Built by reports/; do not edit.\n"
ARROWS = {Arrow.UP: r" $\uparrow$", Arrow.DOWN: r" $\downarrow$", Arrow.NONE: ""}


def escape(text: str) -> str:
    """Text as LaTeX source; every character that LaTeX reads as a command is spelt out."""
    return text.translate(SPECIAL)


def named(label: str, settings: Settings) -> str:
    r"""A method's title with its \cite, where `tables/references.bib` holds its sources."""
    keys = settings.cited(label)
    return escape(settings.method_title(label)) + (rf"~\cite{{{','.join(keys)}}}" if keys else "")


def cell(value: Cell | None) -> str:
    """A cell of the main table, its arrow as mathematics."""
    if value is None:
        return escape(ABSENT)
    text = escape(value.text)
    if value.bold:
        text = rf"\textbf{{{text}}}"
    return text + ARROWS[value.arrow]


def table(
    frame: pd.DataFrame,
    caption: str,
    label: str,
    notes: list[str],
    indexed: bool = True,
    size: str = "footnotesize",
    gap: float = 4.0,
) -> str:
    """A table environment around a frame whose cells and headings are already LaTeX.

    `gap`: points on each side of a column.
    """
    numbers = "r" * len(frame.columns)
    text = str(
        (frame.style if indexed else frame.style.hide(axis="index")).to_latex(
            hrules=True,
            position="htbp",
            position_float="centering",
            caption=escape(caption),
            label=f"tab:{label}",
            column_format="@{}l" + (numbers if indexed else numbers[2:] + "l") + "@{}",
            multicol_align="c",
        )
    )
    text = text.replace("\\centering\n", f"\\centering\\{size}\\setlength{{\\tabcolsep}}{{{gap:g}pt}}\n", 1)
    below = "".join(rf"\par\smallskip\parbox{{\linewidth}}{{\scriptsize {escape(note)}}}" + "\n" for note in notes)
    return text.replace("\\end{tabular}\n", "\\end{tabular}\n" + below, 1)


def main_table(panels: list[Panel], settings: Settings, legend: str) -> str:
    """Every dataset as one or more tables of at most COLUMNS_PER_TABLE families."""
    parts = [PREAMBLE]
    for panel in panels:
        pieces = chunks(panel.columns, COLUMNS_PER_TABLE)
        for number, columns in enumerate(pieces, start=1):
            more = f", part {number} of {len(pieces)}" if len(pieces) > 1 else ""
            frame = pd.DataFrame(
                [[cell(each.cells.get(label)) for each in columns] for label in panel.methods],
                index=[named(label, settings) for label in panel.methods],
                columns=pd.MultiIndex.from_tuples(
                    [
                        (escape(f"{each.family.teacher} →"), escape(each.family.student), escape(each.size))
                        for each in columns
                    ]
                ),
            )
            caption = f"{panel.title}: {panel.metric}{more}. {legend}"
            parts.append(table(frame, caption, f"{slug(panel.dataset)}-{number}", panel.notes))
    return "\n".join(parts)


def chunks(columns: list[Column], size: int) -> list[list[Column]]:
    """Columns in pieces of at most `size`, as equal as possible."""
    pieces = -(-len(columns) // size)
    return [columns[len(columns) * i // pieces : len(columns) * (i + 1) // pieces] for i in range(pieces)]
