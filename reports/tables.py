"""Files under `tables/`: main table, comparisons, fidelity and sensitivity, as Markdown, LaTeX and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tabulate import tabulate

from reports import fidelity, latex, printing, sensitivity, tuned
from reports.attempts import Verdict
from reports.cells import Arrow, Cell, Panel
from reports.comparisons import Comparison
from reports.files import write_text
from reports.findings import FamilyTable, Findings
from reports.metrics import Metric
from reports.printing import ABSENT
from reports.results import Family
from reports.settings import Settings

ARROWS = {Arrow.UP: " ↑", Arrow.DOWN: " ↓", Arrow.NONE: ""}


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
        "p (Wilcoxon)",
        "P(improvement)",
        "Gap closed",
        "Verdict",
    )


def legend(settings: Settings) -> str:
    """How to read the main table, in one place for every format."""
    return (
        "Mean and sample standard deviation over seeds. Bold: the best student and every one not significantly worse "
        "(paired t, Holm within the column). Arrows: significantly better or worse than "
        f"{settings.method_title(settings.reference)} (paired t, Holm, level {settings.alpha:g})."
    )


def needs_seeds(settings: Settings) -> str:
    """What stands in place of a p-value that too few seeds forbid."""
    return f"needs {settings.minimum_seeds} seeds"


def plain(cell: Cell | None) -> str:
    """A cell without its weight, for CSV and screen readers."""
    return ABSENT if cell is None else cell.text + ARROWS[cell.arrow]


def markdown_escape(text: str) -> str:
    """Text for a Markdown table: no character opens a column, an emphasis or a tag."""
    for character in "\\|*_`<>":
        text = text.replace(character, f"\\{character}")
    return text


def markdown_main(findings: Findings) -> str:
    """The main table, one Markdown table per dataset, and its legend."""
    settings = findings.settings
    parts = []
    for panel in findings.panels:
        heading = f"### {markdown_escape(panel.title)}: {markdown_escape(panel.metric)}"
        rows = [
            [
                markdown_escape(settings.method_title(label)),
                *(_markdown(each.cells.get(label)) for each in panel.columns),
            ]
            for label in panel.methods
        ]
        headers = ["Method", *(markdown_escape(f"{each.heading}, {each.size}") for each in panel.columns)]
        parts += [heading, tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)]
        parts += map(markdown_escape, panel.notes)
        if panel.untested:
            parts.append(f"No test ({needs_seeds(settings)}): {'; '.join(panel.untested)}.")
    return "\n\n".join([*parts, legend(settings)]) + "\n"


def _markdown(cell: Cell | None) -> str:
    if cell is None:
        return ABSENT
    text = markdown_escape(cell.text)
    return (f"**{text}**" if cell.bold else text) + ARROWS[cell.arrow]


def wide_main(panels: list[Panel], settings: Settings) -> pd.DataFrame:
    """[methods, families] plain cells; the columns name dataset, pair and ratio."""
    labels = settings.method_order({label for panel in panels for label in panel.methods})
    wide: dict[str, list[str]] = {"method": labels, "title": [settings.method_title(label) for label in labels]}
    for panel in panels:
        for each in panel.columns:
            name = f"{panel.dataset} | {each.heading} | {each.size}"
            wide[name] = [plain(each.cells.get(label)) for label in labels]
    return pd.DataFrame(wide)


def printed(row: Comparison, metric: Metric, settings: Settings) -> Printed:
    """A comparison as text; the reference is not compared with itself."""
    own = Printed(
        settings.method_title(row.method),
        str(row.n),
        metric.spread(row.mean, row.std),
        metric.signed(row.difference),
        metric.interval(row.ci_low, row.ci_high),
        needs_seeds(settings) if row.verdict == Verdict.TOO_FEW_SEEDS else printing.p_value(row.p_holm),
        printing.p_value(row.wilcoxon_p),
        printing.fraction(row.probability_of_improvement, 2),
        printing.percent(row.gap_closed),
        row.words,
    )
    if row.method != settings.reference:
        return own
    return own._replace(difference="", interval="", p_holm="", wilcoxon_p="", improvement="")


def markdown_comparisons(findings: Findings) -> str:
    """One table per family, all columns."""
    settings = findings.settings
    parts = []
    for family, rows in findings.comparisons.items():
        metric = findings.metric(family)
        heading = f"### {markdown_escape(findings.title(family))}: {markdown_escape(metric.title)}"
        escaped = [[markdown_escape(text) for text in printed(row, metric, settings)] for row in rows]
        parts.append(f"{heading}, against {settings.method_title(settings.reference)}")
        parts.append(tabulate(escaped, headings(settings), tablefmt="pipe", disable_numparse=True))
    return "\n\n".join(parts) + "\n"


def latex_comparisons(findings: Findings) -> str:
    """One table per family; a page of paper holds eight columns, without Wilcoxon and P(improvement)."""
    return "\n".join([latex.PREAMBLE, *(_latex(findings, family) for family in findings.comparisons)])


def _latex(findings: Findings, family: Family) -> str:
    settings, metric = findings.settings, findings.metric(family)
    names = headings(settings)._replace(difference="Diff.", gap_closed="Gap")
    rows = []
    for row in findings.comparisons[family]:
        # The verdict, here without its reason, says already where the seeds are too few for a p-value.
        own = printed(row, metric, settings)._replace(verdict=row.verdict)
        rows.append(own._replace(p_holm=ABSENT) if row.verdict == Verdict.TOO_FEW_SEEDS else own)
    frame = pd.DataFrame([_short(row) for row in rows], columns=_short(names))
    reference = settings.method_title(settings.reference)
    caption = f"{findings.title(family)}: {metric.title}, against {reference}; positive differences are better."
    return latex.table(frame, caption, f"comparisons-{family.slug}", [], False, "scriptsize", 2.5)


def _short(row: Printed) -> list[str]:
    """The columns that paper has room for, as LaTeX."""
    kept = (row.method, row.n, row.spread, row.difference, row.interval, row.p_holm, row.gap_closed, row.verdict)
    return [latex.escape(text) for text in kept]


def markdown_families(tables: Sequence[FamilyTable], legend: str) -> str:
    """One table per family, and the legend of all."""
    parts = []
    for table in tables:
        escaped = [[markdown_escape(text) for text in row] for row in table.rows]
        parts.append(f"### {markdown_escape(table.title)}")
        parts.append(tabulate(escaped, table.headings, tablefmt="pipe", disable_numparse=True))
    return "\n\n".join([*parts, legend]) + "\n"


def latex_families(tables: Sequence[FamilyTable], legend: str, name: str) -> str:
    """One table per family; the first column names the rows."""
    parts = [latex.PREAMBLE]
    for table in tables:
        names, *columns = [[latex.escape(text) for text in column] for column in zip(*table.rows, strict=True)]
        headings = [latex.escape(text) for text in table.headings[1:]]
        frame = pd.DataFrame(dict(zip(headings, columns, strict=True)), index=names)
        label = f"{name}-{table.family.slug}"
        parts.append(latex.table(frame, f"{table.title}. {legend}", label, [], True, "scriptsize", 2.5))
    return "\n".join(parts)


def latex_tuned(findings: Findings) -> str:
    """One table per family with tuned methods, for paper: without the columns on validation."""
    parts = [latex.PREAMBLE]
    places = [tuned.HEADINGS.index(name) for name in tuned.FOR_PAPER]
    for table in tuned.tables(findings):
        rows = [[latex.escape(row[place]) for place in places] for row in table.rows]
        frame = pd.DataFrame(rows, columns=[latex.escape(name) for name in tuned.FOR_PAPER])
        caption = f"{table.title}: published defaults and tuned values, tested with each other. Positive is better."
        parts.append(latex.table(frame, caption, f"tuned-{table.family.slug}", [], False, "scriptsize", 2.5))
    return "\n".join(parts)


def write(folder: Path, findings: Findings) -> None:
    """Writes `main`, `fidelity` and `sensitivity` as .md, .tex and .csv, and `comparisons.{md,tex}` into the folder.

    Where methods were tuned, `tuned` too; `references.bib` where the methods' sources are known.
    """
    panels, settings = findings.panels, findings.settings
    write_text(folder / "main.md", markdown_main(findings))
    write_text(folder / "main.tex", latex.main_table(panels, settings, legend(settings)))
    write_text(folder / "main.csv", wide_main(panels, settings).to_csv(index=False, lineterminator="\n"))
    if settings.bibliography:
        write_text(folder / "references.bib", "\n\n".join(settings.bibliography.values()) + "\n")
    write_text(folder / "comparisons.md", markdown_comparisons(findings))
    write_text(folder / "comparisons.tex", latex_comparisons(findings))
    for part in (fidelity, sensitivity):
        name = part.__name__.rpartition(".")[2]
        write_text(folder / f"{name}.md", markdown_families(part.tables(findings), part.LEGEND))
        write_text(folder / f"{name}.tex", latex_families(part.tables(findings), part.LEGEND, name))
        write_text(folder / f"{name}.csv", part.frame(findings).to_csv(index=False, lineterminator="\n"))
    if settings.tuning:
        write_text(folder / "tuned.md", markdown_families(tuned.tables(findings), tuned.legend(settings)))
        write_text(folder / "tuned.tex", latex_tuned(findings))
        write_text(folder / "tuned.csv", tuned.frame(findings).to_csv(index=False, lineterminator="\n"))
