"""A method on one small task, and whether its terms have the values that they have on another.

A comparison yields a sentence where they have not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from methods import registry, rehearsal
from methods.cases import EPOCH, Case, rows_of
from methods.contract import Method, Shape, Signals

TOLERANCE = 1e-8
"""Relative, in float64."""
DRAWS = 40
"""Over which the terms of a method that samples are averaged."""
DEVIATIONS = 5.0
"""Standard errors by which two means over draws may differ: by chance they do once in a million rules."""
SAMPLES = ("nodes", "edges")
"""What a method may declare that it draws."""
LIMIT = "max_samples"
"""The hyperparameter by which a method draws rows where the batch has more."""


@dataclass(frozen=True)
class Trial:
    """A method on one small task."""

    method_id: str
    case: Case
    teacher: Shape
    student: Shape
    hyperparameters: dict[str, Any]

    def build(self, case: Case | None = None, **changes: Any) -> Method:
        """The method at its start, in float64; begun on another task than this one where that is given."""
        case = case or self.case
        torch.manual_seed(0)
        made = registry.create(
            self.method_id, teacher=self.teacher, student=self.student, **{**self.hyperparameters, **changes}
        )
        return rehearsal.begun(made, len(case.labels), case.rows).double()

    def signals(self) -> tuple[Signals, Signals]:
        """Of student and teacher, leaves that want gradients."""
        return self.case.signals(self.student, 1), self.case.signals(self.teacher, 2)

    def terms(self) -> dict[str, Tensor]:
        """Of the first step."""
        found: dict[str, Tensor] = self.build()(*self.signals(), self.case.batch())
        return found

    def values(
        self, case: Case, s: Signals, t: Signals, *, epoch: int = EPOCH, seed: int = 0, **changes: Any
    ) -> dict[str, float]:
        """The terms of a first step, as numbers."""
        batch = case.batch(seed)
        batch.epoch = epoch
        return {name: term.item() for name, term in self.build(case, **changes)(s, t, batch).items()}

    @property
    def samples(self) -> bool:
        """Whether a step of this task draws some of the rows or edges."""
        limit = {**registry.defaults(self.method_id), **self.hyperparameters}.get(LIMIT)
        return registry.load(self.method_id).samples in SAMPLES or (isinstance(limit, int) and limit < self.case.rows)


def exactly(trial: Trial, there: Case, moved: tuple[Signals, Signals], message: str, **changes: Any) -> Iterator[str]:
    """A sentence where a term has another value on another task."""
    first = trial.values(trial.case, *trial.signals(), **changes)
    yield from differences(first, trial.values(there, *moved, **changes), message)


def differences(first: dict[str, float], other: dict[str, float], message: str) -> Iterator[str]:
    """A sentence where a term has two values, or is there once alone."""
    for name in first | other:
        value, found = (each.get(name, math.nan) for each in (first, other))
        if not abs(found - value) <= TOLERANCE * max(abs(value), 1.0):
            yield f"{message}: {name} {value:.6g} -> {found:.6g}"
            return


def in_distribution(trial: Trial, there: Case, moved: tuple[Signals, Signals], message: str) -> Iterator[str]:
    """A sentence where the mean of a term over independent draws is another one on another task."""
    s, t = trial.signals()
    here = [trial.values(trial.case, s, t, seed=seed) for seed in range(DRAWS)]
    other = [trial.values(there, *moved, seed=seed) for seed in range(DRAWS, 2 * DRAWS)]
    for name in here[0]:
        a, b = (np.array([values[name] for values in each]) for each in (here, other))
        allowed = DEVIATIONS * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / DRAWS) + TOLERANCE * max(abs(a.mean()), 1.0)
        if not abs(a.mean() - b.mean()) <= allowed:
            yield f"{message}: {name} has the mean {a.mean():.6g} -> {b.mean():.6g} over {DRAWS} draws"
            return


def twice(trial: Trial, there: Case, message: str) -> Iterator[str]:
    """A sentence where a task in which every row stands twice has other terms."""
    cls = registry.load(trial.method_id)
    if cls.depends_on_rows:
        return
    s, t = trial.signals()
    twice = torch.arange(2 * trial.case.rows) % trial.case.rows
    moved = rows_of(s, twice, trial.case, 2), rows_of(t, twice, trial.case, 2)
    if LIMIT in registry.settable(cls):
        yield from exactly(trial, there, moved, message, **{LIMIT: 4 * trial.case.rows})
    else:
        compare = in_distribution if trial.samples else exactly
        yield from compare(trial, there, moved, message)
