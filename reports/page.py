"""`index.html`: one file that needs nothing beside it, for a phone, a screen and paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import (
    answers,
    copies,
    costs,
    details,
    fidelity,
    inlined,
    printing,
    provenance,
    published,
    sensitivity,
    sentences,
    tables,
    troubles,
    tuned,
)
from reports.attempts import Attempts
from reports.cells import Arrow
from reports.figures import Section
from reports.findings import Findings
from reports.latex import chunks
from reports.printing import ABSENT
from reports.ranking import Ranking, told
from reports.results import Family, Results
from reports.rows import Status
from reports.settings import Settings
from reports.troubles import Trouble
from reports.variants import labels_shared

COLUMNS_PER_TABLE = 6
"""Families side by side on the page: what still fits A4 in landscape."""

FOLD_ABOVE = 2
"""Figures of a kind that may be folded; more of them are folded away on screen. Paper shows all."""
MANY = 4
"""Students up to which every sentence on each stands open."""
WIDE_FIGURE = 700  # CSS pixels; a wider one takes the whole row, or its text would shrink below reading size
FOLD_TEXT_ABOVE = 200  # characters of a table's cell; what is longer shows its beginning
SHARED = "All seeds train on the same few labels: intervals and tests cover chance in training, not that choice."
ARROW_WORDS = {Arrow.UP: "better than", Arrow.DOWN: "worse than"}


def render(findings: Findings, sections: Iterable[Section], latex: Mapping[str, str] | None = None) -> str:
    """The page as HTML.

    Args:
        sections: the figures in the order of the page; asked for last, since they may be in the making.
        latex: label -> source of the tables that can be copied.
    """
    results, settings, latex = findings.results, findings.settings, latex or {}
    families, script = results.families, inlined.script()
    environment = _environment(families, latex)
    without_score = troubles.of(results, settings)
    return environment.get_template("page.html.j2").render(
        settings=settings,
        css=Markup(inlined.style()),
        script=Markup(script),
        script_hash=inlined.digest(script),
        data=Markup(details.embedded({**details.data(findings), "latex": dict(latex)})),
        answers=answers.answers(findings),
        reference=settings.method_title(settings.reference),
        **_without_reference(findings),
        unpaired=_unpaired(findings),
        counts=sentences.counts(results),
        duration=printing.duration(costs.total_seconds(results)),
        verdicts=_verdicts(findings),
        many=len(families) > MANY,
        every=" ".join(map(str, range(len(families)))),
        pieces=_pieces(findings),
        wide_figure=WIDE_FIGURE,
        legend=tables.legend(settings),
        needs_seeds=tables.needs_seeds(settings),
        arrow_words=ARROW_WORDS,
        arrow_signs=tables.ARROWS,
        headings=tables.headings(settings),
        comparisons=_comparisons(findings),
        **_ranking(findings.ranking, settings),
        sensitivity=sensitivity.tables(findings),
        sensitivity_legend=sensitivity.LEGEND,
        fidelity=fidelity.tables(findings),
        fidelity_legend=fidelity.LEGEND,
        tuned=tuned.tables(findings),
        tuned_legend=tuned.legend(settings),
        more=tables.more(findings),
        unfinished=troubles.unfinished(results),
        missing=_failures([each for each in without_score if each.status == Status.MISSING], settings),
        failures=_failures([each for each in without_score if each.status != Status.MISSING], settings),
        fold_above=FOLD_TEXT_ABOVE,
        circumstances=circumstances(results),
        training=_columns(costs.training(results, settings)),
        models=_columns(costs.models(results, settings)),
        unsure=[f"{title}: {note}" for title, note in costs.unsure_ones(results, settings).items()],
        published=published.printed(findings),
        published_headings=published.HEADINGS,
        sources=published.sources(findings),
        another_protocol=any(row.protocol for row in published.rows(findings)),
        claims=published.claims(results),
        methods=_methods(results, settings),
        provenance=provenance.rows(results.provenance),
        provenance_file=provenance.source(results.provenance),
        figure_groups=[_figure_group(section) for section in sections],
    )


def _environment(families: list[Family], latex: Mapping[str, str]) -> Environment:
    """What the template is rendered by; its filters tell which students a part of the page is about."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        data_uri=inlined.data_uri,
        place=families.index,
        places=lambda some: " ".join(str(families.index(family)) for family in some),
        families=lambda each: " ".join(map(str, _shown(each.slug, families))),
        labels=lambda start: " ".join(label for label in latex if label.startswith(start)),
        main_latex=lambda panel: " ".join(copies.of_dataset(latex, panel.dataset)),
    )
    return found


def _shown(slug: str, families: list[Family]) -> Iterable[int]:
    """Places of the families that a figure or table shows: those that its slug names, in whole or in part, else all."""
    named = slug.partition("-")[2]
    same = [place for place, family in enumerate(families) if family.slug == named]
    return (
        same
        or [place for place, family in enumerate(families) if family.slug.startswith(named)]
        or range(len(families))
    )


def circumstances(results: Results) -> str:
    """Where networks were measured: `1 thread, cpu`."""
    ran = results.runs[results.runs["status"] != Status.MISSING]
    threads = sorted(set(ran["threads"]))
    devices = sorted(set(ran["device"]) - {""})
    count = f"{' or '.join(map(str, threads))} CPU thread{'' if threads == [1] else 's'}"
    return ", ".join([*([count] if threads else []), *devices]) or "on a machine that no training names"


def _unpaired(findings: Findings) -> str:
    """Methods whose seeds are not those of the others, in words."""
    runs, settings = findings.results.runs, findings.settings
    labels = runs.loc[~runs["paired"], "method"].unique()
    return printing.listed(list(map(settings.method_title, labels))) if len(labels) else ""


def _verdicts(findings: Findings) -> list[dict[str, Any]]:
    return [
        {
            "title": panel.title,
            "metric": panel.metric,
            "families": [column.family for column in panel.columns],
            "statements": [
                (column.family, sentences.family_statement(findings, column.family)) for column in panel.columns
            ],
        }
        for panel in findings.panels
    ]


def _pieces(findings: Findings) -> list[dict[str, Any]]:
    """Panels in pieces of at most COLUMNS_PER_TABLE columns, neighbours under one teacher merged."""
    pieces = []
    for panel in findings.panels:
        for columns in chunks(panel.columns, COLUMNS_PER_TABLE):
            families = [column.family for column in columns]
            spans = [(teacher, list(same)) for teacher, same in groupby(families, lambda family: family.teacher)]
            told = [said for family in families if (said := sentences.crowded(findings, family))]
            told += [SHARED] if labels_shared(panel.dataset) else []
            pieces.append({"panel": panel, "columns": columns, "families": families, "spans": spans, "told": told})
    return pieces


def _comparisons(findings: Findings) -> list[dict[str, Any]]:
    shown = []
    for family, rows in findings.comparisons.items():
        metric = findings.metric(family)
        printed = [
            {"kind": row.verdict.replace(" ", "-"), "cells": tables.printed(row, metric, findings.settings)}
            for row in rows
        ]
        shown.append({"family": family, "title": findings.title(family), "metric": metric.title, "rows": printed})
    return shown


def _without_reference(findings: Findings) -> dict[str, str]:
    """`without`: `failed`, of a reference that no student has whole; `lacking`: `1 of 2 students, for which it failed`.

    Each is "" where the other is told, and both where every student has it.
    """
    own = [found.get(findings.settings.reference) for found in findings.attempts.values()]
    lacking = [each.trouble[0].clause if each and each.trouble else "was not run" for each in own if not _whole(each)]
    told = " or ".join(dict.fromkeys(lacking))
    if not told or len(lacking) == len(own):
        return {"without": told, "lacking": ""}
    return {"without": "", "lacking": f"{len(lacking)} of {len(own)} students, for which it {told}"}


def _whole(own: Attempts | None) -> bool:
    return own is not None and own.complete


def _ranking(ranking: Ranking, settings: Settings) -> dict[str, Any]:
    return {
        "ranking": ranking,
        "ranking_rows": [
            (settings.method_title(str(label)), f"{value:.2f}")
            for label, value in ranking.ranks.sort_values(kind="stable").items()
        ],
        "dropped": [settings.method_title(label) for label in ranking.dropped],
        "across": told(ranking, settings),
    }


def _figure_group(section: Section) -> dict[str, Any]:
    """A section with the caption that all of its figures share, if they do."""
    captions = {drawing.caption for drawing in section.drawings}
    return {
        "kind": section.kind,
        "title": section.title,
        "drawings": section.drawings,
        "missing": section.missing,
        "folded": section.folded and len(section.drawings) > FOLD_ABOVE,
        "caption": captions.pop() if len(captions) == 1 else "",
    }


def _failures(found: list[Trouble], settings: Settings) -> list[list[str]]:
    """One row per method, student and status: what, how often, on which seeds, why."""
    return [
        [
            settings.dataset_title(each.family.dataset),
            f"{each.family.teacher} → {each.family.student}",
            each.size,
            settings.method_title(each.method),
            f"{each.status} {len(each.seeds)}/{each.planned}",
            printing.seeds(each.seeds),
            each.why,
        ]
        for each in found
    ]


def _columns(rows: list[dict[str, str]]) -> dict[str, Any] | None:
    return {"headings": list(rows[0]), "rows": [list(row.values()) for row in rows]} if rows else None


def _methods(results: Results, settings: Settings) -> list[list[str]]:
    rows = []
    for label in settings.method_order(results.runs["method"]):
        if label == settings.ceiling:
            continue
        facts = settings.methods.get(label)
        year = str(facts.year) if facts and facts.year else ABSENT
        citations = ", ".join(facts.citations if facts else ()) or ABSENT
        rows.append([settings.method_title(label), label, year, citations])
    return rows
