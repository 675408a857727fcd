"""Files under `tables/`: every table as Markdown, LaTeX, CSV and HTML, and the bibliography of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reports import (
    aggregate,
    compression,
    costs,
    equivalence,
    failures,
    fidelity,
    formats,
    grid,
    main_table,
    printing,
    published,
    sensitivity,
    tuned,
    used,
)
from reports.attempts import Verdict
from reports.comparisons import Comparison
from reports.comparisons import frame as comparisons_frame
from reports.files import write_text
from reports.findings import FamilyTable, Findings
from reports.grid import ARROWS, Grid, Group
from reports.main_table import MAIN_FAMILIES, legend, needs_seeds
from reports.metrics import Metric
from reports.printing import ABSENT
from reports.settings import Settings

__all__ = ["ARROWS", "Printed", "headings", "legend", "needs_seeds", "printed", "write"]


class Printed(NamedTuple):
    """A row of the table of comparisons as text; `headings` says what stands where."""

    method: str
    n: str
    spread: str
    difference: str
    interval: str
    p_holm: str
    wilcoxon_p: str
    improvement: str
    gap_closed: str
    verdict: str


def headings(settings: Settings) -> Printed:
    """Of the table of comparisons."""
    return Printed(
        "Method",
        "n",
        "Mean ± std",
        "Difference",
        f"{settings.level} % interval",
        "p (Holm)",
        "p (Wilcoxon, raw)",
        "P(improvement)",
        "Gap closed",
        "Verdict",
    )


def printed(row: Comparison, metric: Metric, settings: Settings) -> Printed:
    """A comparison as text; the reference is not compared with itself."""
    own = Printed(
        settings.method_title(row.method),
        str(row.n),
        metric.spread(row.mean, row.std),
        metric.signed(row.difference),
        metric.interval(row.ci_low, row.ci_high),
        needs_seeds(settings) if row.verdict == Verdict.TOO_FEW_SEEDS else printing.p_value(row.p_holm, settings.alpha),
        printing.p_value(row.wilcoxon_p, settings.alpha),
        printing.fraction(row.probability_of_improvement, 2),
        printing.share(row.gap_closed, row.gap_low, row.gap_high),
        row.words,
    )
    if row.method != settings.reference:
        return own
    return own._replace(difference="", interval="", p_holm="", wilcoxon_p="", improvement="")


@dataclass(frozen=True)
class Table:
    """One table of the report in every format.

    Attributes:
        name: of its files.
        title: of its section on the page.
        numbers: what its CSV holds in place of the printed texts.
        paper: what its LaTeX holds in place of `grids`, where paper has room for less.
    """

    name: str
    title: str
    grids: Sequence[Grid]
    legend: str
    numbers: pd.DataFrame | None = None
    paper: Sequence[Grid] | None = None


def every(findings: Findings) -> list[Table]:
    """All tables of a report that have any row."""
    settings = findings.settings
    how, family = legend(settings), main_table.families_of_tests(findings)
    sizes, short = compression.frame(findings), compression.grids(findings, paper=True)
    found = [
        Table("main", "Main table", main_table.main(findings), how, main_table.wide(findings), _main_pieces(findings)),
        Table("paper", "Tables for a paper", main_table.paper(findings), f"{how} {family}".strip()),
        _comparisons(findings),
        of_families("fidelity", "Fidelity", fidelity.tables(findings), fidelity.LEGEND, fidelity.frame(findings)),
        of_families(
            "sensitivity", "Sensitivity", sensitivity.tables(findings), sensitivity.LEGEND, sensitivity.frame(findings)
        ),
        *more(findings),
        *_filled(
            Table("compression", "Compression", compression.grids(findings), compression.LEGEND, sizes, short),
            Table("cost", "Cost", costs.grids(findings), costs.LEGEND, paper=costs.grids(findings, costs.FOR_PAPER)),
            _published(findings),
            Table("failures", "Failures", failures.grids(findings), failures.LEGEND),
        ),
    ]
    if own := tuned.tables(findings):
        shown = of_families("tuned", "Tuned", own, tuned.legend(settings), tuned.frame(findings))
        found.append(Table(**{**vars(shown), "paper": _tuned_paper(own)}))
    return found


@cache
def more(findings: Findings) -> list[Table]:
    """The tables that the page has no section of its own for; it shows them one after the other.

    Kept, since files and page both ask, and resampling takes seconds.
    """
    settings = findings.settings
    found = [
        Table(
            "aggregate",
            "All students at once",
            aggregate.grids(findings),
            aggregate.legend(findings),
            aggregate.frame(findings),
        ),
        _improvement(findings),
        Table(
            "equivalence",
            "Better, worse, or the same?",
            equivalence.grids(findings),
            equivalence.legend(findings),
            equivalence.frame(findings),
        ),
        Table("hyperparameters", "Hyperparameters used", used.grids(settings), used.LEGEND),
    ]
    return _filled(*found)


def _filled(*tables: Table) -> list[Table]:
    return [table for table in tables if table.grids]


def _improvement(findings: Findings) -> Table:
    """Paper has room for some of the methods alone."""
    few = aggregate.matrix_grids(findings, few=True)
    grids = aggregate.matrix_grids(findings)
    return Table("improvement", "Probability of improvement, in numbers", grids, aggregate.MATRIX_LEGEND, paper=few)


def _published(findings: Findings) -> Table:
    short = published.grids(findings, paper=True)
    return Table("published", "Published beside reproduced", published.grids(findings), published.LEGEND, paper=short)


def _main_pieces(findings: Findings) -> list[Grid]:
    return main_table.main(findings, MAIN_FAMILIES)


def _comparisons(findings: Findings) -> Table:
    """One table per family; a page of paper holds eight columns, without Wilcoxon and P(improvement)."""
    settings = findings.settings
    reference = settings.method_title(settings.reference)
    grids, paper = [], []
    for family, rows in findings.comparisons.items():
        metric = findings.metric(family)
        title = f"{findings.title(family)}: {metric.title}, against {reference}"
        slug = f"comparisons-{family.slug}"
        own = [printed(row, metric, settings) for row in rows]
        notes = [f"{settings.method_title(m)}: {text}" for m, text in findings.columns[family].remarks.items()]
        groups = [Group("", [list(row) for row in own])]
        grids.append(Grid(slug, title, [list(headings(settings))], groups, notes))
        names = headings(settings)._replace(difference="Diff.", gap_closed="Gap")
        short = [_short(_for_paper(line, row)) for line, row in zip(own, rows, strict=True)]
        cites = settings.cites(row.method for row in rows)
        columns = [list(map(grid.plain, _short(names)))]
        paper.append(Grid(slug, title, columns, [Group("", short)], notes, cites))
    how = (
        "Positive differences are better. Verdicts rest on the p-values of Holm; intervals and raw p-values are not "
        "corrected, so that an interval may miss zero where nothing is significant."
    )
    return Table("comparisons", "Comparisons", grids, how, comparisons_frame(findings.comparisons), paper)


def _for_paper(line: Printed, row: Comparison) -> Printed:
    """The verdict, here without its reason, says already where the seeds are too few for a p-value."""
    line = line._replace(verdict=row.verdict)
    return line._replace(p_holm=ABSENT) if row.verdict == Verdict.TOO_FEW_SEEDS else line


def _short(row: Printed) -> list[grid.Entry]:
    """The columns that paper has room for."""
    return [row.method, row.n, row.spread, row.difference, row.interval, row.p_holm, row.gap_closed, row.verdict]


def of_families(name: str, title: str, tables: Sequence[FamilyTable], how: str, numbers: pd.DataFrame) -> Table:
    """One table per family; the first column names the rows."""
    grids = [
        Grid(
            f"{name}-{table.family.slug}", table.title, [table.headings], [Group("", [list(row) for row in table.rows])]
        )
        for table in tables
    ]
    return Table(name, title, grids, how, numbers)


def _tuned_paper(tables: Sequence[FamilyTable]) -> list[Grid]:
    """Without the columns on validation."""
    places = [tuned.HEADINGS.index(name) for name in tuned.FOR_PAPER]
    return [
        Grid(
            f"tuned-{table.family.slug}",
            table.title,
            [list(tuned.FOR_PAPER)],
            [Group("", [[row[place] for place in places] for row in table.rows])],
            numeric=False,
        )
        for table in tables
    ]


def write(folder: Path, findings: Findings) -> None:
    """Writes every table as .md, .tex, .csv and .html, and `references.bib` where sources are known.

    What an earlier report has left of a table that this one does not have is removed.
    """
    found = every(findings)
    for table in found:
        formats.write(folder, table.name, table.grids, table.legend, table.numbers, table.paper)
    names = {table.name for table in found}
    for old in folder.iterdir():
        if old.suffix in formats.SUFFIXES and old.stem not in names:
            old.unlink()
    if findings.settings.bibliography:
        write_text(folder / "references.bib", "\n\n".join(findings.settings.bibliography.values()) + "\n")
