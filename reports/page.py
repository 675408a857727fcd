"""`index.html`: one file that needs nothing beside it, for a phone, a screen and paper."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import costs, metrics, published, sentences, tables
from reports.cells import Block
from reports.figures import Drawing
from reports.latex import chunks
from reports.ranking import MAXIMUM_SHARE, MINIMUM_DATASETS, Ranking
from reports.results import Results
from reports.settings import Settings

COLUMNS_A_TABLE = 6
"""Families side by side on the page: what still fits A4 in landscape."""

FIGURES = {
    "scores": "Score against compression",
    "differences": "Differences to the reference",
    "ranks": "Ranks across datasets",
    "latency": "Score against latency",
    "attention": "Layer attention",
    "curves": "Learning curves",
}
FOLDED = {"curves", "attention"}
"""Kinds that are folded away on screen once there are more than FOLD_ABOVE of them; paper shows all."""
FOLD_ABOVE = 2
WIDE_FIGURE = 700  # CSS pixels; a wider one takes the whole row, or its text would shrink below reading size


def render(
    results: Results,
    blocks: list[Block],
    comparisons: pd.DataFrame,
    ranking: Ranking,
    drawings: list[Drawing],
    settings: Settings,
) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    published_rows, published_sources = _published(results, settings)
    environment.filters["data_uri"] = _data_uri
    return environment.get_template("page.html.j2").render(
        settings=settings,
        counts=sentences.counts(results),
        duration=sentences.duration(costs.total_seconds(results)),
        verdicts=_verdicts(results, blocks, comparisons, settings),
        blocks=_blocks(blocks),
        wide_figure=WIDE_FIGURE,
        legend=tables.legend(settings),
        needs_seeds=tables.needs_seeds(settings),
        arrow_words={"up": "better than", "down": "worse than"},
        arrow_signs=tables.ARROWS,
        arrow_reference=settings.method_title(settings.arrows),
        reference=settings.method_title(settings.reference),
        headings=tables.headings(settings),
        comparisons=_comparisons(results, comparisons, settings),
        ranking=ranking,
        ranking_rows=[
            (settings.method_title(str(label)), f"{value:.2f}")
            for label, value in ranking.ranks.sort_values(kind="stable").items()
        ],
        dropped=[settings.method_title(label) for label in ranking.dropped],
        minimum_datasets=MINIMUM_DATASETS,
        minimum_seeds=settings.minimum_seeds,
        circumstances=circumstances(results),
        maximum_share=MAXIMUM_SHARE,
        figure_groups=_figure_groups(drawings),
        failures=_failures(results, settings),
        training=_columns(costs.training(results, settings)),
        models=_columns(costs.models(results, settings)),
        published=published_rows,
        sources=published_sources,
        claims=published.claims(results),
        methods=_methods(results, settings),
        provenance=_flatten(results.provenance),
    )


def _data_uri(svg: str) -> str:
    """An SVG as an image source: inside an image its ids and styles cannot clash with another figure's."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def circumstances(results: Results) -> str:
    """Where networks were measured: `1 thread, cpu`."""
    students = results.runs.dropna(subset=["threads"])
    threads = sorted({int(n) for n in students["threads"]})
    devices = sorted(set(students["device"].dropna().astype(str)))
    count = " or ".join(map(str, threads))
    return ", ".join([f"{count} CPU thread{'' if threads == [1] else 's'}", *devices])


def _verdicts(
    results: Results, blocks: list[Block], comparisons: pd.DataFrame, settings: Settings
) -> list[dict[str, Any]]:
    return [
        {
            "title": block.title,
            "metric": block.metric,
            "statements": [
                sentences.family_statement(results, column.family, comparisons, column, settings)
                for column in block.columns
            ],
        }
        for block in blocks
    ]


def _blocks(blocks: list[Block]) -> list[dict[str, Any]]:
    """Blocks in pieces of at most COLUMNS_A_TABLE columns, neighbours under one teacher merged."""
    pieces = []
    for block in blocks:
        for columns in chunks(block.columns, COLUMNS_A_TABLE):
            spans: list[list[Any]] = []
            for column in columns:
                if spans and spans[-1][0] == column.family.teacher:
                    spans[-1][1] += 1
                else:
                    spans.append([column.family.teacher, 1])
            pieces.append({"block": block, "columns": columns, "spans": spans})
    return pieces


def _comparisons(results: Results, comparisons: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "title": tables.comparison_title(results, family, settings),
            "metric": results.metric(family.dataset).title,
            "rows": tables.comparison_rows(family.rows(comparisons), results.metric(family.dataset), settings),
        }
        for family in results.families
    ]


def _figure_groups(drawings: list[Drawing]) -> list[dict[str, Any]]:
    groups = []
    for kind, title in FIGURES.items():
        chosen = [drawing for drawing in drawings if drawing.kind == kind]
        if chosen:
            folded = kind in FOLDED and len(chosen) > FOLD_ABOVE
            captions = list(dict.fromkeys(drawing.caption for drawing in chosen))
            shared = captions[0] if len(captions) == 1 else ""
            groups.append({"kind": kind, "title": title, "drawings": chosen, "folded": folded, "caption": shared})
    return groups


def _failures(results: Results, settings: Settings) -> list[list[str]]:
    """One row a method and student whose runs failed or were skipped: what, how often, on which seeds, why."""
    troubled = results.runs[~results.runs["usable"]]
    keys = ["dataset", "teacher", "student", "ratio_target", "method", "status"]
    rows = []
    for _, group in troubled.groupby(keys, dropna=False):
        first = group.iloc[0]
        same = results.runs[
            (
                results.runs[["dataset", "teacher", "student", "method"]]
                == first[["dataset", "teacher", "student", "method"]]
            ).all(axis=1)
        ]
        target = first["ratio_target"]
        same = same[same["ratio_target"].isna() if pd.isna(target) else same["ratio_target"] == target]
        status = "no score" if first["status"] == "ok" else first["status"]
        rows.append(
            [
                settings.dataset_title(first["dataset"]),
                f"{first['teacher']} → {first['student']}",
                metrics.ratio(float(first["ratio"] if pd.isna(target) else target)),
                settings.method_title(first["method"]),
                f"{status} {len(group)}/{len(same)}",
                ", ".join(str(seed) for seed in sorted(group["seed"])),
                "; ".join(sorted(set(group["reason"]) - {""})) or "no reason given",
            ]
        )
    return rows


def _published(results: Results, settings: Settings) -> tuple[list[list[str]], list[str]]:
    """Rows for the page, and the sources that their last column numbers."""
    rows = []
    found = published.rows(results, settings)
    sources = list(dict.fromkeys(row.source for row in found))
    for row in found:
        agreement = {True: "yes", False: "no", None: "no standard deviation"}[row.within]
        params = "—" if row.published_params is None else f"{row.published_params:,}".replace(",", "\u202f")
        rows.append(
            [
                settings.dataset_title(row.dataset),
                f"{row.teacher} → {row.student}",
                settings.method_title(row.method),
                f"{row.published_mean:.2f}" + ("" if pd.isna(row.published_std) else f" ± {row.published_std:.2f}"),
                f"{row.reproduced_mean:.2f}" + ("" if pd.isna(row.reproduced_std) else f" ± {row.reproduced_std:.2f}"),
                f"{row.seeds}" + (f" ({row.incomplete})" if row.incomplete else ""),
                f"{row.difference:+.2f}".replace("-", metrics.MINUS),
                agreement,
                f"{params} / " + f"{row.reproduced_params:,}".replace(",", "\u202f"),
                f"[{1 + sources.index(row.source)}]",
            ]
        )
    return rows, sources


def _columns(rows: list[dict[str, str]]) -> dict[str, Any] | None:
    return {"headings": list(rows[0]), "rows": [list(row.values()) for row in rows]} if rows else None


def _methods(results: Results, settings: Settings) -> list[list[str]]:
    rows = []
    for label in settings.method_order(results.runs["method"]):
        if label == settings.ceiling:
            continue
        facts = settings.methods.get(label, {})
        citations = ", ".join(str(key) for key in facts.get("citations") or []) or "—"
        rows.append([settings.method_title(label), label, str(facts.get("year") or "—"), citations])
    return rows


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """A nested dictionary as (dotted key, text) in the order of the keys' names."""
    if isinstance(value, Mapping) and value:
        found = []
        for key in sorted(value, key=str):
            found += _flatten(value[key], f"{prefix}.{key}" if prefix else str(key))
        return found
    if not prefix:
        return []
    return [(prefix, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True))]
