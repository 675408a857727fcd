"""Trials of a method: known beforehand, the same everywhere, no two alike, and evenly spread over its space."""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np
import pytest

import methods
from methods.spaces import LogRange, at_border, design, flat, nested
from methods.testing import check_contract
from tests.methods.test_testing import Broken

SPACE = {("beta",): LogRange(0.01, 10), ("tau2",): (0.05, 0.075, 0.1)}
START = {("beta",): 0.1, ("tau2",): 0.075}


def trials_of(method: str, trials: int = 8) -> list[dict]:
    return design(flat(methods.search_space(method)), flat(methods.defaults(method)), trials)


def test_a_log_range_is_even_on_a_logarithmic_scale():
    found = LogRange(0.01, 100)
    assert [found.at(share) for share in (0, 0.25, 0.5, 0.75, 1)] == [0.01, 0.1, 1, 10, 100]
    assert found.at(0.123) == 0.031  # 0.01 * 10^0.492 = 0.03105
    assert 0.01 in found
    assert 100 in found
    assert 0.0099 not in found
    assert None not in found
    assert True not in found
    for low, high in ((0, 1), (1, 1), (2, 1), (1, math.inf), (math.nan, 1)):
        with pytest.raises(ValueError, match="allowed: 0 < low < high"):
            LogRange(low, high)


def test_the_design_is_the_same_on_every_machine():
    """Written down once: other trials would be another tuning."""
    found = design(SPACE, START, 8)
    assert [tuple(one.values()) for one in found[:3]] == [(0.1, 0.075), (0.77, 0.075), (0.024, 0.1)]
    everything = {name: [list(one.items()) for one in trials_of(name)] for name in methods.available()}
    text = json.dumps(everything, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "7d2d2269337d4cc0"


def test_the_first_trial_is_the_published_default_and_none_comes_twice():
    for name in [*methods.available(), "kd+gcrd", "kd+abkd"]:
        space, found = flat(methods.search_space(name)), trials_of(name)
        defaults = flat(methods.defaults(name))
        assert found[0] == {key: defaults[key] for key in space}, name
        assert len({tuple(one.values()) for one in found}) == len(found), name
        lists = [len(values) for values in space.values() if not isinstance(values, LogRange)]
        most = math.prod(lists) if len(lists) == len(space) else math.inf
        assert len(found) == min(8, most), name
        for one in found:
            assert all(value in space[key] for key, value in one.items()), name


def test_a_small_space_is_tried_in_full():
    space = {("a",): (1, 2), ("b",): ("x", "y", "z")}
    found = design(space, {("a",): 2, ("b",): "y"}, 8)
    assert len(found) == 6
    assert found[0] == {("a",): 2, ("b",): "y"}
    assert len(design(space, {("a",): 2, ("b",): "y"}, 6)) == 6
    assert len(design(space, {("a",): 2, ("b",): "y"}, 4)) == 4
    assert design({}, {}, 8) == [{}]


def test_trials_beside_chosen_values_are_those_of_the_rest():
    """A composition's second part is tried beside what was chosen for the first, at its own values, its default too."""
    first = {("kd", "alpha"): (0.5, 0.9, 1.0), ("kd", "temperature"): LogRange(0.2, 5)}
    second = {("abkd", "beta"): LogRange(0.01, 100)}
    start = {("kd", "alpha"): 0.9, ("kd", "temperature"): 1.0, ("abkd", "beta"): 10.0}
    chosen = {("kd", "alpha"): 1.0, ("kd", "temperature"): 0.36}
    default, *others = design({**first, **second}, start, 8, chosen)
    assert default == start
    assert all({key: trial[key] for key in first} == chosen for trial in others)
    alone = design(second, {("abkd", "beta"): 10.0}, 7)
    assert [{key: trial[key] for key in second} for trial in others] == alone
    same = {key: start[key] for key in first}
    assert design({**first, **second}, start, 8, same) == [{**same, **one} for one in design(second, start, 8)]
    weights = {("gsp", "beta"): (0.1, 1.0, 10.0, 100.0)}
    begun = {("kd", "alpha"): 0.9, ("gsp", "beta"): 1.0}
    tried = design({("kd", "alpha"): (0.5, 0.9), **weights}, begun, 5, {("kd", "alpha"): 0.5})
    assert [one["gsp", "beta"] for one in tried[1:]] == [1.0, 0.1, 10.0, 100.0], "a grid that fits is whole"
    assert design(first, start, 8, chosen) == [{key: start[key] for key in first}, chosen], "nothing else to try"


def test_more_trials_begin_with_those_of_fewer():
    assert design(SPACE, START, 16)[:8] == design(SPACE, START, 8)


def test_trials_are_spread_over_the_space():
    """Seven random points would leave one of the four quarters empty in 53 of 100 designs."""
    beta = [math.log10(one["beta",]) for one in design({("beta",): SPACE["beta",]}, {("beta",): 0.1}, 8)[1:]]
    assert set(np.floor((np.array(beta) + 2) / 3 * 4).clip(0, 3)) == {0, 1, 2, 3}
    both = design(SPACE, START, 8)[1:]
    assert {one["tau2",] for one in both} == {0.05, 0.075, 0.1}


def test_names_of_parts_are_kept():
    hyperparameters = {"kd": {"alpha": 1, "temperature": 2}, "gcrd": {"beta": 3}}
    assert flat(hyperparameters) == {("kd", "alpha"): 1, ("kd", "temperature"): 2, ("gcrd", "beta"): 3}
    assert nested(flat(hyperparameters)) == hyperparameters
    assert set(flat(methods.search_space("kd+gcrd"))) == {
        ("kd", "alpha"),
        ("kd", "temperature"),
        ("gcrd", "beta"),
        ("gcrd", "tau2"),
    }
    assert "beta" not in methods.search_space("stride-structure"), "which fixes it"


def test_a_border_is_where_something_better_may_lie_beyond():
    tried = [0.1, 0.5, 3.0]
    assert at_border(LogRange(0.01, 10), 3.0, tried)
    assert at_border(LogRange(0.01, 10), 0.1, tried)
    assert not at_border(LogRange(0.01, 10), 0.5, tried)
    assert at_border((0.05, 0.075, 0.1), 0.1, [0.05, 0.1])
    assert not at_border((0.05, 0.075, 0.1), 0.075, [0.075, 0.1]), "a list's border is its own"
    assert not at_border(("cosine", "rbf"), "rbf", ["rbf"])
    assert not at_border((None, 0.1, 1.0, 10.0), None, [None, 0.1])


SPACES = {
    "is no hyperparameter": {"gamma": (1.0, 2.0)},
    "leaves out the default 1.0": {"beta": (2.0, 3.0)},
    "leaves out the default": {"beta": LogRange(2, 3)},
    "which is refused": {"beta": (1.0, -1.0)},
    "holds a value twice": {"beta": (1.0, 1.0)},
    "at least two values": {"beta": (1.0,)},
    "must be a list, a tuple or a LogRange": {"beta": {1.0, 2.0}},
}


@pytest.mark.parametrize("fault", SPACES)
def test_the_contract_checks_the_space(fault: str, monkeypatch: pytest.MonkeyPatch):
    class Weighted(Broken):
        """A method with a weight."""

        search_space = SPACES[fault]

        def __init__(self, teacher, student, *, beta: float = 1.0):
            super().__init__(teacher, student)
            if beta < 0:
                raise ValueError(f"beta={beta}; allowed: >= 0")

    monkeypatch.setattr("methods.registry.load", lambda name: Weighted)
    with pytest.raises(AssertionError, match=fault):
        check_contract("kd")
