"""The main table: one per dataset with everything in it, and those that a paper prints, as `select` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from reports import printing
from reports.attempts import hypotheses
from reports.cells import Column, Panel
from reports.findings import Findings
from reports.grid import Entry, Grid, Group, grouped, plain
from reports.latex import chunks
from reports.results import slug
from reports.settings import Settings

FAMILIES = {"one": 2, "two": 5}
"""Families side by side by the columns of a page that a paper's table spans."""
MAIN_FAMILIES = 3
"""... of the complete table, in footnote size on the text width of `article`."""


def legend(settings: Settings) -> str:
    """How to read the main table, in one place for every format."""
    reference = settings.method_title(settings.reference)
    among = ", of all that were run, shown or not," if settings.report.select.methods else ""
    return (
        f"Mean and sample standard deviation over seeds. Bold: the best student{among} and every one not significantly "
        "worse (paired t, Holm over all pairs of the column, since the best is chosen by the same scores; where it is "
        f"{reference}, by the tests of the arrows). Arrows: significantly better or worse than {reference} (paired t, "
        f"Holm over the methods of the column, level {settings.alpha:g}). Pairs are more than methods: a cell can be "
        "both bold and marked as worse."
    )


def needs_seeds(settings: Settings) -> str:
    """What stands in place of a p-value that too few seeds forbid."""
    return f"needs {settings.minimum_seeds} seeds"


def groups(labels: Sequence[str], columns: Sequence[Column], settings: Settings) -> list[Group]:
    """The rows of some methods under the headings of their groups."""

    def row(label: str) -> list[Entry]:
        return [settings.method_title(label), *(each.cells.get(label) or printing.ABSENT for each in columns)]

    return grouped((settings.group(label), row(label)) for label in labels)


def main(findings: Findings, size: int | None = None) -> list[Grid]:
    """One table per dataset, or several of at most `size` families."""
    settings, found = findings.settings, []
    for panel in findings.panels:
        pieces = chunks(panel.columns, size or len(panel.columns))
        for number, columns in enumerate(pieces, start=1):
            more = f", part {number} of {len(pieces)}" if len(pieces) > 1 else ""
            found.append(
                Grid(
                    slug=f"{slug(panel.dataset)}-{number}",
                    title=f"{panel.title}: {panel.metric}{more}",
                    headings=[
                        ["", *(f"{each.family.teacher} →" for each in columns)],
                        ["", *(each.family.student for each in columns)],
                        ["Method", *(each.size for each in columns)],
                    ],
                    groups=groups(panel.methods, columns, settings),
                    notes=[*panel.notes, *_untested(panel, settings)],
                    cites=settings.cites(panel.methods),
                )
            )
    return found


def _untested(panel: Panel, settings: Settings) -> list[str]:
    return [f"No test ({needs_seeds(settings)}): {'; '.join(panel.untested)}."] if panel.untested else []


def wide(findings: Findings) -> pd.DataFrame:
    """[methods, families] plain cells; the columns name dataset, pair and ratio.

    Of two students that agree in these, one by its ratio and one by its width, the former is `gcn-2x16~40x`.
    """
    panels, settings = findings.panels, findings.settings
    labels = settings.method_order({label for panel in panels for label in panel.methods})
    found: dict[str, list[str]] = {"method": labels, "title": [settings.method_title(label) for label in labels]}
    for panel in panels:
        named = Counter((each.heading, each.size) for each in panel.columns)
        for each in panel.columns:
            twice = named[each.heading, each.size] > 1
            pair = f"{each.family.teacher} → {each.family.sized}" if twice else each.heading
            found[f"{panel.dataset} | {pair} | {each.size}"] = [plain(each.cells.get(label)) for label in labels]
    return pd.DataFrame(found)


def selected(findings: Findings) -> list[Column]:
    """The columns that a paper's tables show, in the order that the configuration gives.

    Raises:
        ValueError: a ratio that no student has, which would leave tables empty without a word.
    """
    select, families = findings.settings.report.select, findings.results.families
    datasets = select.datasets or list(dict.fromkeys(family.dataset for family in families))
    sizes, known = list(map(printing.ratio, select.ratios)), list(dict.fromkeys(map(findings.results.size, families)))
    if unknown := [size for size in sizes if size not in known]:
        raise ValueError(f"report.select.ratios: no student has {unknown[0]}; allowed: {', '.join(known)}")

    def size(column: Column) -> int:
        return sizes.index(column.size) if column.size in sizes else 0

    return [
        column
        for dataset in datasets
        for column in sorted((findings.columns[each] for each in families if each.dataset == dataset), key=size)
        if not sizes or column.size in sizes
    ]


def paper(findings: Findings) -> list[Grid]:
    """One table per ratio, and one across ratios where there are several; wide ones in parts."""
    columns = selected(findings)
    sizes = list(dict.fromkeys(column.size for column in columns))
    parts = [(f"compression {size}", [each for each in columns if each.size == size]) for size in sizes]
    if len(sizes) > 1:
        parts.append(("all ratios", columns))
    return [grid for name, own in parts for grid in _paper(findings, name, own)]


def _paper(findings: Findings, name: str, columns: list[Column]) -> list[Grid]:
    settings, report = findings.settings, findings.settings.report
    pieces = chunks(columns, FAMILIES[report.columns])
    found = []
    for number, piece in enumerate(pieces, start=1):
        labels = shown(piece, settings)
        more = f", part {number} of {len(pieces)}" if len(pieces) > 1 else ""
        metrics = dict.fromkeys(findings.metric(each.family).title for each in piece)
        found.append(
            Grid(
                slug=f"paper-{slug(name)}-{number}",
                title=f"{printing.listed(list(metrics))} of students, {name}{more}",
                headings=_headings(piece, findings),
                groups=groups(labels, piece, settings),
                notes=_notes(piece, labels, settings),
                cites={"": _sources(piece, settings), **settings.cites(labels)},
                spans=report.columns,
            )
        )
    return found


def shown(columns: Sequence[Column], settings: Settings) -> list[str]:
    """Labels of the rows: those selected, in their order, below the teacher; or all."""
    present = {label for each in columns for label in each.cells}
    wanted = settings.report.select.methods
    if not wanted:
        return settings.method_order(present)
    ceiling = [] if settings.ceiling in wanted else [settings.ceiling]
    return [label for label in [*ceiling, *wanted] if label in present]


def _headings(columns: Sequence[Column], findings: Findings) -> list[list[str]]:
    """Dataset, networks, layers, parameters and ratio of teacher and student."""
    settings, runs = findings.settings, findings.results.runs

    def layers(name: str) -> str:
        known = settings.networks.get(name)
        return str(known.layers) if known and known.layers else printing.ABSENT

    rows: list[list[str]] = [["Data"], ["Networks"], ["Layers"], ["Parameters"], ["Ratio"]]
    for each in columns:
        family = each.family
        first = family.rows(runs).iloc[0]
        sizes = (printing.short(first["teacher_params"]), printing.short(first["student_params"]))
        texts = (
            settings.dataset_title(family.dataset),
            each.heading,
            f"{layers(family.teacher)} → {layers(family.student)}",
            " → ".join(sizes),
            each.size,
        )
        for row, text in zip(rows, texts, strict=True):
            row.append(text)
    known = any(text != f"{printing.ABSENT} → {printing.ABSENT}" for text in rows[2][1:])
    return rows if known else rows[:2] + rows[3:]


def _notes(columns: Sequence[Column], labels: Sequence[str], settings: Settings) -> list[str]:
    """Why cells have no score, and what must be known of seeds."""
    notes = []
    for label in labels:
        for each in columns:
            where = f"{settings.method_title(label)}, {each.heading}"
            if (cell := each.cells.get(label)) and cell.note:
                notes.append(f"{where}: {cell.text}: {printing.one_line(cell.note)}")
            if label in each.remarks:
                notes.append(f"{where}: {each.remarks[label]}")
    return list(dict.fromkeys(notes))


def families_of_tests(findings: Findings) -> str:
    """How many hypotheses Holm's correction counts in a column of a paper's tables, whatever these show."""
    settings, columns = findings.settings, selected(findings)
    if not columns:
        return ""
    rows = set(shown(columns, settings))
    families = [set(hypotheses(findings.attempts[each.family], settings)) for each in columns]
    return (
        f"Holm's family is every method that was run on a column's students against "
        f"{settings.method_title(settings.reference)} ({_span(map(len, families))}), of which the tables show "
        f"{_span(len(own & rows) for own in families)}."
    )


def _span(counts: Iterable[int]) -> str:
    """`6 to 17`, or the one number that all are."""
    low, *others = sorted(counts)
    return f"{low} to {others[-1]}" if others and low < others[-1] else f"{low}"


def _sources(columns: Sequence[Column], settings: Settings) -> list[str]:
    """Citation keys of the data and networks of a table that the bibliography holds."""
    names = [name for each in columns for name in (each.family.teacher, each.family.student)]
    keys = [key for each in columns for key in settings.data_citations.get(each.family.dataset, ())]
    keys += [key for name in names if name in settings.networks for key in settings.networks[name].citations]
    return [key for key in dict.fromkeys(keys) if key in settings.bibliography]
