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
from reports.sentences import of_controls
from reports.settings import Settings

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
        if label not in (settings.reference, settings.ceiling) and any(
            label in own for own in findings.attempts.values()
        ):
            found.append(Answer(f"Where does {settings.method_title(label)} stand?", _standing(findings, label)))
    return found


def _beaten(findings: Findings, compared: Compared, base: str) -> str:
    """Whether any method beats `base` significantly, for how many students, and which."""
    settings = findings.settings
    if not any(base in own for own in findings.attempts.values()):
        return f"Not known: {settings.method_title(base)} was not run."
    tested = {family: _contest(rows, (settings.floor, base)) for family, rows in compared.items()}
    tested = {family: rows for family, rows in tested.items() if rows}
    if not tested:
        return "Not known: nothing was tested (why not, stands below)."
    won = [[row.method for row in rows if row.verdict == Verdict.BETTER] for rows in tested.values()]
    every = {row.method for rows in tested.values() for row in rows}
    controls = {label for label in every if settings.is_control(label)}
    beside = len(compared) - len(tested)
    told = [
        _won([[label for label in own if label not in controls] for own in won], len(every - controls), settings),
        _controls([[label for label in own if label in controls] for own in won], settings),
        "Each student's tests are corrected on their own." if sum(map(bool, won)) and len(tested) > 1 else "",
        f"For {_students(beside)} nothing was tested." if beside else "",
    ]
    return " ".join(filter(None, told))


def _won(won: list[list[str]], methods: int, settings: Settings) -> str:
    """The sentence on the methods that win; `won` holds those of each student."""
    wins = Counter(label for own in won for label in own)
    if not methods:
        return "Not known: none but controls were tested."
    if not wins:
        return f"No: none of {methods} tested methods, for {_all(len(won))}."
    if len(won) == 1:
        return f"Yes: {len(wins)} of {methods} tested methods: {listed(_named(wins, False, settings))}."
    return (
        f"Yes, for {sum(map(bool, won))} of {len(won)} students. {len(wins)} of {methods} tested methods do for at "
        f"least one (in brackets: for how many): {listed(_named(wins, True, settings))}."
    )


def _controls(won: list[list[str]], settings: Settings) -> str:
    wins = Counter(label for own in won for label in own)
    if not wins:
        return ""
    return of_controls(_named(wins, len(won) > 1, settings))


def _named(wins: Counter[str], counted: bool, settings: Settings) -> list[str]:
    """Names, those that win most often first, each with the number of its wins where several students were tested."""
    named = [
        f"{settings.method_title(label)}{f' ({count})' if counted else ''}"
        for label, count in wins.most_common(MOST_NAMED)
    ]
    return named + ([f"{len(wins) - MOST_NAMED} more"] if len(wins) > MOST_NAMED else [])


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
