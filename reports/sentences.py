"""The summary in plain words, for the top of the page and for the terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from reports import cells, power, printing, statistics
from reports.attempts import TESTED, Verdict, pairs
from reports.comparisons import Comparison
from reports.findings import Findings
from reports.metrics import Metric
from reports.printing import listed
from reports.results import Family, Results
from reports.rows import Status
from reports.settings import Settings

INCOMPLETE = (Verdict.FAILED, Verdict.UNFINISHED)
WITHOUT_SCORE = (*INCOMPLETE, Verdict.SKIPPED)


@dataclass(frozen=True)
class Statement:
    """What the page says of one family: where it holds, and its sentences."""

    where: str
    sentences: list[str]


def family_statement(findings: Findings, family: Family) -> Statement:
    """Who beats no teacher and the reference, what the spotlit methods do, who leads and loses, what went wrong."""
    settings, metric, rows = findings.settings, findings.metric(family), findings.comparisons[family]
    reference = settings.method_title(settings.reference)
    sentences = []
    if settings.floor != settings.reference:
        sentences += _beaten(findings.gains[family], settings.floor, "no teacher", settings)
    # The floor is a control, not a contestant: it has a sentence of its own and does not count among the methods.
    told = reference if settings.floor != settings.reference else f"no teacher ({reference}, the reference)"
    sentences += _beaten(rows, settings.reference, told, settings) or [_untested(rows, settings)]
    for label in (*settings.spotlight, settings.floor):
        own = (row for row in rows if row.method == label and row.verdict not in INCOMPLETE)
        sentences += [_spotlight(row, metric, settings) for row in own]
    if leader := best(findings, family):
        shared, whole = _shared(findings, family)
        tail = f"; not separable from it: {shared - 1} of {whole - 1}" if shared > 1 else ""
        sentences.append(f"Best mean: {leader}{tail}.")
        sentences += _separating(findings, family)
    tested = [row for row in rows if row.verdict in TESTED and row.method != settings.floor]
    if worse := _titles(tested, Verdict.WORSE, settings):
        sentences.append(f"Significantly worse than {reference}: {listed(worse)}.")
    incomplete = [row for row in rows if row.verdict in INCOMPLETE]
    if incomplete:
        named = [f"{settings.method_title(row.method)} ({row.reason})" for row in incomplete]
        sentences.append(f"Incomplete: {listed(named)}.")
    sentences += _mixed_devices(findings.results, family, settings)
    where = f"At {findings.results.size(family)} ({family.teacher} → {family.student})"
    return Statement(where, sentences)


def _shared(findings: Findings, family: Family) -> tuple[int, int]:
    """Methods that are bold, and those that could be."""
    rows = findings.comparisons[family]
    shared = sum(cell.bold for cell in findings.columns[family].cells.values())
    return shared, sum(bool(np.isfinite(row.mean)) for row in rows)


def crowded(findings: Findings, family: Family) -> str:
    """What a bold that most methods share leaves open, in words; nothing where it tells them apart."""
    shared, whole = _shared(findings, family)
    if 2 * shared <= whole or shared < 2:
        return ""
    size = findings.results.size(family)
    said = f"Bold says little for {family.student} at {size}: {shared} of {whole} methods are not separable."
    return " ".join([said, *_separating(findings, family)])


def _mixed_devices(results: Results, family: Family, settings: Settings) -> list[str]:
    """The sentence on seeds whose methods were trained on different devices; none where every seed has one.

    torch draws dropout masks by the number of a GPU's multiprocessors, so that two models give one seed two masks.
    """
    rows = family.rows(results.runs)
    # What was added with seeds of its own is not paired at all, and its device is nobody's concern.
    rows = rows[rows["usable"] & rows["paired"] & (rows["device"] != "") & (rows["method"] != settings.ceiling)]
    mixed = int((rows.groupby("seed")["device"].nunique() > 1).sum())
    if not mixed:
        return []
    named = listed(sorted(set(rows["device"])))
    return [
        f"Not all is paired: the methods of {mixed} seeds were trained on different devices ({named}), whose "
        "dropout masks differ."
    ]


def _beaten(rows: list[Comparison], reference: str, title: str, settings: Settings) -> list[str]:
    """The sentence on who beats a reference; none where nothing was tested against it."""
    tested = [row for row in rows if row.verdict in TESTED and row.method not in (settings.floor, reference)]
    if not tested:
        return []
    methods = [row for row in tested if not settings.is_control(row.method)]
    better = _titles(methods, Verdict.BETTER, settings)
    controls = _titles([row for row in tested if settings.is_control(row.method)], Verdict.BETTER, settings)
    said = (
        f"{len(better) or 'None'} of {len(methods)} tested methods {'beats' if len(better) == 1 else 'beat'} "
        f"{title} significantly{': ' + listed(better) if better else ''}."
    )
    if not methods:
        said = f"None but controls were tested against {title}."
    if controls:
        said += f" {of_controls(controls)}"
    return [said]


def of_controls(names: list[str]) -> str:
    """That controls do what a question asks of methods: they are told apart from these."""
    return f"Of the controls, {listed(names)} {'does' if len(names) == 1 else 'do'}."


def best(findings: Findings, family: Family) -> str:
    """`ABKD 82.31 ± 0.45`, of the methods all of whose trainings gave a score; nothing if there is none.

    As for bold: what has too few seeds leads nothing, where others have enough.
    """
    settings, metric, found = findings.settings, findings.metric(family), findings.attempts[family]
    order = cells.ranked(found, metric.sign, settings) or cells.ranked(found, metric.sign, settings, least=1)
    if not order:
        return ""
    return f"{settings.method_title(order[0])} {metric.spread(*statistics.mean_and_std(found[order[0]].values()))}"


def _separating(findings: Findings, family: Family) -> list[str]:
    """What the seeds can tell apart, and how many it takes to tell the two best students apart."""
    settings, metric, found = findings.settings, findings.metric(family), findings.attempts[family]
    order = cells.ranked(found, metric.sign, settings)
    paired = [label for label in order if found[label].paired]
    if len(paired) < 2:
        return []
    first, second = paired[:2]
    differences = np.subtract(*pairs(found[first], found[second], metric.sign))
    if len(differences) < settings.minimum_seeds:
        return []
    difference, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    smallest = power.minimum_detectable(spread, len(differences), settings.alpha)
    if not np.isfinite(smallest):  # the same scores, as of a tuned method that keeps its defaults
        return []
    if difference < 0:  # over the seeds that both have
        first, second = second, first
    needed = power.seeds_needed(difference, spread, settings.alpha)
    seeds = f"about {needed}" if needed else f"more than {power.MOST_SEEDS}"
    names = f"{settings.method_title(first)} and {settings.method_title(second)}"
    best_two = "two best" if {first, second} == set(order[:2]) else "two best paired ones"
    return [
        f"{len(differences)} seeds show a difference of {metric.score(smallest)} {metric.unit} four times in five (one "
        f"paired t-test, at the spread of the {best_two}); to separate these, {names}, which are "
        f"{metric.score(abs(difference))} apart, takes {seeds} seeds."
    ]


def _untested(rows: list[Comparison], settings: Settings) -> str:
    """Why no method but the floor was tested."""
    title = settings.method_title(settings.reference)
    reference = next((row for row in rows if row.method == settings.reference), None)
    if reference is None:
        return f"No test: the reference {title} was not run here."
    if reference.verdict != Verdict.REFERENCE:
        return f"No test: the reference {title} {reference.verdict.clause}: {reference.reason}."
    others = [row for row in rows if row.method not in (settings.reference, settings.floor)]
    if not others:
        return f"No test: no method beside {title} was run here."
    if all(row.verdict in WITHOUT_SCORE for row in others):
        found = {row.verdict for row in others}
        return f"No test: every method {' or '.join(each.clause for each in WITHOUT_SCORE if each in found)}."
    seeds = max(row.n for row in others if row.verdict not in WITHOUT_SCORE)
    return f"No test: a p-value needs {settings.minimum_seeds} seeds that both methods have, and there are {seeds}."


def _spotlight(row: Comparison, metric: Metric, settings: Settings) -> str:
    title, reference = settings.method_title(row.method), settings.method_title(settings.reference)
    measured = f"difference {metric.signed(row.difference)} {metric.unit}"
    if np.isfinite(row.ci_low):
        measured += f", {settings.level} % interval {metric.interval(row.ci_low, row.ci_high)}"
    if np.isfinite(row.p_holm):
        measured += f", Holm p {printing.p_statement(row.p_holm, settings.alpha)}"
    if row.verdict in TESTED and row.reason:
        measured += f", {row.reason}"
    words = {
        Verdict.BETTER: f"{title} beats {reference} ({measured}).",
        Verdict.WORSE: f"{title} is worse than {reference} ({measured}).",
        Verdict.NOT_SIGNIFICANT: f"{title} does not differ significantly from {reference} ({measured}).",
        Verdict.TOO_FEW_SEEDS: f"{title} is not tested ({measured}, n = {row.n}).",
        Verdict.REFERENCE: f"{title} is the reference.",
    }
    return words.get(row.verdict, f"{title}: {row.words}.")


def _titles(rows: list[Comparison], verdict: Verdict, settings: Settings) -> list[str]:
    """Methods with this verdict, the largest difference first."""
    chosen = [row for row in rows if row.verdict == verdict]
    return [settings.method_title(row.method) for row in sorted(chosen, key=lambda row: -abs(row.difference))]


def counts(results: Results) -> str:
    """`540 runs: 537 ok, 3 diverged`."""
    found = Counter(results.runs["status"])
    statuses = sorted(found, key=lambda status: (status != Status.OK, status))
    return f"{len(results.runs)} runs: " + ", ".join(f"{found[status]} {status}" for status in statuses)
