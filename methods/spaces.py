"""Search spaces of methods, and the trials that tuning makes of them: known before the first one runs.

A method's class states its space in `search_space`, beside its defaults:

    search_space = {"beta": LogRange(0.01, 10), "tau2": (0.05, 0.075, 0.1)}
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from methods.spelling import suggest

SEED = 20231015
"""Of the quasi-random points. One for all methods: `kd` and its controls are tried at the same values."""
DIGITS = 2
"""Significant digits of a drawn number. They are what anyone would type, and equal on every machine."""
MOST_POINTS = 1000
"""Drawn for one design: a space so coarse that the points repeat this often has no more values."""


@dataclass(frozen=True)
class LogRange:
    """Every number from `low` to `high`, both above 0, alike likely on a logarithmic scale."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise ValueError(f"LogRange({self.low}, {self.high}): allowed: 0 < low < high")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def at(self, share: float) -> float:
        """The number at a share of the way from low to high, rounded to DIGITS."""
        exact = self.low * (self.high / self.low) ** share
        return min(max(float(f"{exact:.{DIGITS}g}"), self.low), self.high)


Values = Sequence[Any] | LogRange
"""The values that a hyperparameter may take: some, or a range."""
Key = tuple[str, ...]
"""Name of a hyperparameter; in a composition behind the id of its part."""


def flat(nested: Mapping[str, Any]) -> dict[Key, Any]:
    """`{"kd": {"alpha": 1}, "beta": 2}` -> `{("kd", "alpha"): 1, ("beta",): 2}`."""
    found: dict[Key, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            found |= {(name, *key): part for key, part in flat(value).items()}
        else:
            found[(name,)] = value
    return found


def nested(values: Mapping[Key, Any]) -> dict[str, Any]:
    """The inverse of `flat`."""
    found: dict[str, Any] = {}
    for (*parents, name), value in values.items():
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return found


def design(
    space: Mapping[Key, Values], start: Mapping[Key, Any], trials: int, beside: Mapping[Key, Any] | None = None
) -> list[dict[Key, Any]]:
    """The trials of one method, no two alike: `start`, then a grid where that is small, else quasi-random points.

    The points are those of a scrambled Halton sequence (Owen 2017, arXiv 1706.02808), which fill a space of few
    dimensions evenly, whatever their number. They rest on nothing that a trial gives, so that all trials are known
    before the first one runs and run in any order, beside each other.

    Args:
        space: values by hyperparameter; may be empty.
        start: the value of each of them in the first trial.
        trials: how many at most; a space with fewer values gives fewer.
        beside: values that all trials but the first have. What is not among them begins at `start` again.
    """
    beside = beside or {}
    own = {key: values for key, values in space.items() if key not in beside}
    found = [{key: start[key] for key in space}]
    room = trials - any(start[key] != value for key, value in beside.items() if key in space)
    for values in itertools.chain([tuple(start[key] for key in own)], _candidates(own, room)):
        if len(found) == trials:
            break
        drawn = {**beside, **dict(zip(own, values, strict=True))}
        trial = {key: drawn[key] for key in space}
        if trial not in found:
            found.append(trial)
    return found


def _candidates(space: Mapping[Key, Values], trials: int) -> Iterator[tuple[Any, ...]]:
    """Values in the order of the space's keys, some of them repeatedly."""
    lists = [values for values in space.values() if not isinstance(values, LogRange)]
    if len(lists) == len(space) and math.prod(map(len, lists)) <= trials:
        yield from itertools.product(*lists)
        return
    from scipy.stats import qmc  # takes a second, which listing methods need not wait for

    points = qmc.Halton(len(space), scramble=True, rng=SEED).random(MOST_POINTS)
    for point in points:
        yield tuple(_at(values, float(share)) for values, share in zip(space.values(), point, strict=True))


def _at(values: Values, share: float) -> Any:
    return values.at(share) if isinstance(values, LogRange) else values[int(share * len(values))]


def at_border(values: Values, value: Any, tried: Sequence[Any]) -> bool:
    """Whether a chosen value is the smallest or largest number tried: a better one may lie beyond.

    Words, and lists of fewer than three numbers, have no border.
    """
    numbers = [one for one in ([*tried] if isinstance(values, LogRange) else values) if _is_number(one)]
    return _is_number(value) and len(set(numbers)) > 2 and value in (min(numbers), max(numbers))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(
    method: str, space: Mapping[str, Values], defaults: Mapping[str, Any], build: Callable[[dict[str, Any]], object]
) -> None:
    """Raises AssertionError where a space names no hyperparameter, leaves out its default, or holds what is refused."""
    for name, values in space.items():
        where = f"{method}: search_space: {name}"
        assert name in defaults, f"{where} is no hyperparameter{suggest(name, defaults)}"
        if isinstance(values, LogRange):
            tried = [values.low, values.high]
        else:
            assert isinstance(values, list | tuple), f"{where} must be a list, a tuple or a LogRange"
            tried = list(values)
            assert len(tried) > 1, f"{where} must hold at least two values"
            assert all(tried.count(value) == 1 for value in tried), f"{where} holds a value twice"
        assert defaults[name] in values, f"{where} leaves out the default {defaults[name]!r}"
        for value in tried:
            try:
                build({name: value})
            except (ValueError, TypeError) as error:
                raise AssertionError(f"{where} holds {value!r}, which is refused: {error}") from error


def described(values: Values) -> Any:
    """As a file of tuned values states it."""
    return {"low": values.low, "high": values.high} if isinstance(values, LogRange) else list(values)


def parsed(stated: Any) -> Values:
    """The inverse of `described`."""
    return LogRange(**stated) if isinstance(stated, Mapping) else list(stated)
