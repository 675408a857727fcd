"""The page's first sentences: the questions of the benchmark, each answered over all students of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from reports.attempts import TESTED, Verdict
from reports.comparisons import Comparison
from reports.findings import Findings
from reports.printing import listed
from reports.results import Family

MOST_NAMED = 6
"""Methods that an answer names; the sentences of each student name all."""
Compared = Mapping[Family, list[Comparison]]


class Answer(NamedTuple):
    """A question and its answer, as text."""

    question: str
    answer: str


def answers(findings: Findings) -> list[Answer]:
    """Does anything beat no teacher, does anything beat the reference, and where do the spotlit methods stand?"""
    settings = findings.settings
    reference = settings.method_title(settings.reference)
    found = [Answer("Does anything beat no teacher?", _beaten(findings, findings.gains, settings.floor))]
    if settings.reference != settings.floor:
        answer = _beaten(findings, findings.comparisons, settings.reference)
        found.append(Answer(f"Does anything beat {reference}?", answer))
    for label in settings.spotlight:
        if label != settings.reference and any(label in own for own in findings.attempts.values()):
            found.append(Answer(f"Where does {settings.method_title(label)} stand?", _standing(findings, label)))
    return found


def _beaten(findings: Findings, compared: Compared, base: str) -> str:
    """Whether any method beats `base` significantly, for how many students, and which."""
    settings, title = findings.settings, findings.settings.method_title(base)
    if not any(base in own for own in findings.attempts.values()):
        return f"Not known: {title} was not run."
    tested = {family: _contest(rows, (settings.floor, base)) for family, rows in compared.items()}
    tested = {family: rows for family, rows in tested.items() if rows}
    if not tested:
        return "Not known: nothing was tested (why not, stands below)."
    wins = Counter(row.method for rows in tested.values() for row in rows if row.verdict == Verdict.BETTER)
    won = sum(any(row.verdict == Verdict.BETTER for row in rows) for rows in tested.values())
    beside = len(compared) - len(tested)
    tail = f" For {_students(beside)} nothing was tested." if beside else ""
    methods = len({row.method for rows in tested.values() for row in rows})
    if not wins:
        return f"No: none of {methods} tested methods, for {_all(len(tested))}.{tail}"
    more = [f"{len(wins) - MOST_NAMED} more"] if len(wins) > MOST_NAMED else []
    if len(tested) == 1:
        named = [settings.method_title(label) for label, _ in wins.most_common(MOST_NAMED)]
        return f"Yes: {len(wins)} of {methods} tested methods: {listed(named + more)}.{tail}"
    named = [f"{settings.method_title(label)} ({count})" for label, count in wins.most_common(MOST_NAMED)]
    return (
        f"Yes, for {won} of {len(tested)} students. {len(wins)} of {methods} tested methods do for at least one "
        f"(in brackets: for how many): {listed(named + more)}.{tail}"
    )


def _contest(rows: list[Comparison], aside: tuple[str, ...]) -> list[Comparison]:
    return [row for row in rows if row.verdict in TESTED and row.method not in aside]


def _standing(findings: Findings, label: str) -> str:
    """Its verdicts against the reference, and its place by mean among the methods of each student."""
    settings = findings.settings
    rows = [row for own in findings.comparisons.values() for row in own if row.method == label]
    counts = Counter(row.verdict for row in rows)
    reference, many = settings.method_title(settings.reference), len(rows) > 1
    words = {
        Verdict.BETTER: f"better than {reference}",
        Verdict.NOT_SIGNIFICANT: f"not significantly different from {reference}",
        Verdict.WORSE: f"worse than {reference}",
    }
    said = [
        f"{words.get(verdict, str(verdict))}{f' for {counts[verdict]} of {_students(len(rows))}' if many else ''}"
        for verdict in (*words, *(each for each in counts if each not in words))
        if counts[verdict]
    ]
    places = [place for family in findings.comparisons if (place := _place(findings, family, label))]
    sentence = f"{_raised(listed(said))}."
    if not places or len(places) > MOST_NAMED:
        return sentence
    return f"{sentence} Place by mean: {listed([f'{place} of {among}' for place, among in places])}."


def _place(findings: Findings, family: Family, label: str) -> tuple[int, int] | None:
    """Place of a method by its mean, and among how many; None without a mean of its own."""
    sign = findings.metric(family).sign
    means = {row.method: sign * row.mean for row in findings.comparisons[family] if np.isfinite(row.mean)}
    if label not in means:
        return None
    return 1 + sum(mean > means[label] for mean in means.values()), len(means)


def _raised(text: str) -> str:
    """The text with a capital letter in front; names further back keep theirs."""
    return text[:1].upper() + text[1:]


def _students(count: int) -> str:
    return f"{count} student{'' if count == 1 else 's'}"


def _all(count: int) -> str:
    return "the one student" if count == 1 else f"any of {count} students"
