"""What the page's script shows on demand: every number made and printed here, nothing computed in the browser.

The result of `data` is plain JSON: dictionaries, lists, text and rounded numbers. Cells are found by the place of their
family and the label of their method, as the attribute `data-cell` of the main table names them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports import evidence, printing
from reports.attempts import Attempts
from reports.comparisons import Comparison
from reports.evidence import Evidence
from reports.figures import curves, scores
from reports.figures.parts import series, style
from reports.findings import Findings
from reports.metrics import Metric
from reports.provenance import sources
from reports.results import Family, slug
from reports.settings import Settings, Used
from reports.variants import prepared

CURVE_POINTS = 50
"""Drawn points of a learning curve: more only make the page heavier."""
DASHES = {"-": "", ":": "2 3", "--": "7 3", "-.": "9 3 2 3"}
"""matplotlib's name of a line -> SVG's."""
DIGITS = 4
"""Significant digits of a drawn point."""


def data(findings: Findings) -> dict[str, Any]:
    """All that the script needs.

    Returns:
        methods: label -> title, group, citation keys and look, in display order.
        families: in display order, each with its cells, label -> what `_cell` gives.
        charts: the series of the chart of scores against compression.
        bibtex: citation key -> entry.
        commands: what makes the rows again.
    """
    settings = findings.settings
    labels = settings.method_order({label for found in findings.attempts.values() for label in found})
    return {
        "methods": {label: _method(label, settings) for label in labels},
        "reference": settings.reference,
        "floor": settings.floor,
        "ceiling": settings.ceiling,
        "spotlight": list(settings.spotlight),
        "families": [_family(findings, family) for family in findings.results.families],
        "charts": _charts(findings),
        "bibtex": settings.bibliography,
        "commands": commands(findings.results.provenance),
    }


def embedded(value: Any) -> str:
    r"""JSON for a `<script type="application/json">`, which no text in it can end or turn into markup.

    `<`, `>` and `&` are written `\u003c` and so on; everything beyond ASCII, U+2028 among it, is escaped too.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def group(label: str, settings: Settings) -> str:
    """Where a method stands in the main table; the teacher, of another size, has a group of its own."""
    return settings.method_title(label) if label == settings.ceiling else settings.group(label)


def _method(label: str, settings: Settings) -> dict[str, Any]:
    """What a method is called and how it is drawn: as in every figure, but black as the text is in either scheme."""
    look = style.WEAK if label == settings.ceiling else style.look(label, settings)
    return {
        "title": settings.method_title(label),
        "group": group(label, settings),
        "cites": settings.cited(label),
        "colour": "currentColor" if look.colour == style.BLACK else look.colour,
        "dashes": DASHES[look.line],
    }


def _family(findings: Findings, family: Family) -> dict[str, Any]:
    settings, metric, found = findings.settings, findings.metric(family), findings.attempts[family]
    seeds = sorted({seed for own in found.values() for seed in own.scores})
    compared = {settings.reference: findings.comparisons[family], settings.floor: findings.gains[family]}
    against = {
        label: (
            {row.method: row for row in rows},
            evidence.of_family(found, rows, metric.sign, settings),
        )
        for label, rows in compared.items()
        if label in found
    }
    used, drawn = _used(findings, family), _curves(findings, family)
    return {
        "title": findings.title(family),
        "dataset": settings.dataset_title(family.dataset),
        "pair": f"{family.teacher} → {family.student}, {findings.results.size(family)}",
        "metric": metric.title,
        "unit": metric.unit,
        "seeds": seeds,
        "teachers": _teachers(findings, used.values()),
        "cells": {
            label: {
                **_cell(own, metric, seeds),
                "against": [
                    _against(label, other, found, rows, tests, seeds, metric, settings)
                    for other, (rows, tests) in against.items()
                    if label not in (other, settings.ceiling)
                ],
                "values": used[label].values if label in used else "",
                **_origin(findings, family, label, used),
                "curve": drawn.get(label),
            }
            for label, own in found.items()
        },
    }


def _cell(own: Attempts, metric: Metric, seeds: Sequence[int]) -> dict[str, Any]:
    """What became of one method: its scores as printed, one per seed, None where there is none."""
    return {
        "words": own.words,
        "why": own.reason if own.trouble else "",
        "scores": [metric.score(own.scores[seed]) if seed in own.scores else None for seed in seeds],
    }


def _against(
    label: str,
    other: str,
    found: Mapping[str, Attempts],
    rows: Mapping[str, Comparison],
    tests: Mapping[str, list[Evidence]],
    seeds: Iterable[int],
    metric: Metric,
    settings: Settings,
) -> dict[str, Any]:
    """A method against another: paired differences, their mean with its interval, every test; positive is better."""
    row, own, base = rows[label], found[label].scores, found[other].scores
    paired = found[label].paired and found[other].paired
    interval = metric.interval(row.ci_low, row.ci_high)
    return {
        "label": other,
        "n": row.n,
        "difference": metric.signed(row.difference),
        "interval": f"{settings.level} % interval {interval}" if np.isfinite(row.ci_low) else "",
        "verdict": row.words,
        "paired": [
            metric.signed(metric.sign * (own[seed] - base[seed])) if paired and seed in own and seed in base else None
            for seed in seeds
        ],
        "tests": [
            [each.test, *(printing.p_value(p, settings.alpha) for p in (each.p, each.p_holm))]
            for each in tests.get(label, ())
        ],
    }


def _used(findings: Findings, family: Family) -> dict[str, Used]:
    """Label -> what the settings tell of the cells of a family."""
    place = tuple(family)
    return {
        used.method: used
        for used in findings.settings.hyperparameters
        if (used.dataset, used.teacher, used.student, used.ratio_target) == place
    }


def commands(provenance: Mapping[str, Any]) -> list[list[str]]:
    """[what it does, command] of what makes the rows again; none where no configuration is named."""
    made = []
    for file in dict.fromkeys(map(str, sources(provenance, "config_file"))):
        name = shlex.quote(f"results/{_stem(file)}")
        made += [
            ["Train what is missing, and build this report", f"snakemake --configfile {shlex.quote(file)}"],
            ["Train a sample of the rows anew and compare", f"abkd-bench verify {name}"],
        ]
    return made


def _teachers(findings: Findings, used: Iterable[Used]) -> dict[str, str]:
    """Folder of a teacher's records -> the command that trains it alone, of all that a family's cells learn from."""
    found = {_folder(each.taught): _command(findings, each.taught) for each in used if each.taught}
    return {folder: command for folder, command in found.items() if command}


def _origin(findings: Findings, family: Family, label: str, used: Mapping[str, Used]) -> dict[str, str]:
    """A cell's folder of records, the command that trains it alone, and its teacher's folder; "" where unknown.

    No command is known where no configuration is named.
    """
    if label in used and (targets := used[label].targets):
        command, taught = _command(findings, targets), used[label].taught
        return {"records": _folder(targets), "again": command, "taught": _folder(taught) if command else ""}
    if label != findings.settings.ceiling:
        return {"records": "", "again": "", "taught": ""}
    for each in used.values():
        if each.taught and _folder(each.taught).split("/")[-3] == family.teacher:
            return {"records": _folder(each.taught), "again": _command(findings, each.taught), "taught": ""}
    files = _files(findings)
    folder = f"results/{min(files)}/teachers/{prepared(family.dataset)}/{family.teacher}/" if len(files) == 1 else ""
    return {"records": folder, "again": "", "taught": ""}


def _folder(targets: Sequence[str]) -> str:
    return f"{targets[0].rpartition('/')[0]}/" if targets else ""


def _command(findings: Findings, targets: Sequence[str]) -> str:
    """What trains these files alone; "" where the configuration of their run is not named."""
    file = _files(findings).get(targets[0].split("/")[1])
    return shlex.join(["snakemake", *targets, "--configfile", file]) if file else ""


def _files(findings: Findings) -> dict[str, str]:
    """Name of a run -> its configuration."""
    return {_stem(file): file for file in map(str, sources(findings.results.provenance, "config_file"))}


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0] or file


def _curves(findings: Findings, family: Family) -> dict[str, list[list[float]]]:
    """Label -> [epochs, mean validation scores as printed], of the methods all of whose trainings gave a score."""
    if findings.results.curves.empty:
        return {}
    return {label: _thinned(curve) for label, curve in curves.of_family(findings, family).items()}


def _thinned(curve: pd.Series) -> list[list[float]]:
    kept = np.unique(np.linspace(0, len(curve) - 1, CURVE_POINTS).round().astype(int))
    return [[_short(x) for x in curve.index[kept]], [_short(y) for y in curve.to_numpy()[kept]]]


def _short(value: float) -> float:
    """A number with as many digits as a drawing shows, whole where it is whole."""
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def _charts(findings: Findings) -> list[dict[str, Any]]:
    """Score and gain over the floor against compression, one chart per figure of `reports.figures.scores`."""
    settings, made = findings.settings, []
    for (dataset, teacher, kind), families in scores.groups(findings.results).items():
        ratios = {family: findings.results.ratio(family) for family in families}
        found = series.points(findings, ratios)
        if not found or len(families) < 2:
            continue
        base, metric = series.base_of(found, settings), findings.metric(families[0])
        leader = series.best(found, metric, settings)
        made.append(
            {
                "slug": "-".join((scores.KIND, slug(dataset), slug(teacher), slug(kind))),
                "title": f"{settings.dataset_title(dataset)}: {teacher} → {kind} students",
                "ratios": [[_short(ratio), findings.results.size(each)] for each, ratio in ratios.items()],
                "leader": leader,
                "views": [
                    {
                        "title": f"Gain over {settings.method_title(base)}, {metric.unit}",
                        "series": _series(series.gains(findings, ratios, base)),
                    },
                    {"title": metric.title, "series": _series(found)},
                ],
            }
        )
    return made


def _series(found: series.Points) -> dict[str, list[list[float]]]:
    return {label: [[_short(value) for value in point] for point in line] for label, line in found.items()}
