"""Every fault of a dataset's file is a plain sentence."""

from __future__ import annotations

import re

import pytest

from tests.workflow.checking.conftest import Checked

TASK = "return Task(name"
FAULTS = {
    "a syntax error": (("import annotations", "import"), r"\S*/datasets/mine.py:\d+: SyntaxError: .*"),
    "no ids": (("NAMES = {", "NAME = {"), r"\S*/datasets/mine.py: must have NAMES, .* and build\(name, settings\)"),
    "an id that is no name": (('"mine": Facts', '"My own": Facts'), r"\S*: NAMES: 'My own': an id has small letters.*"),
    "an id that is taken": (('"mine": Facts', '"cora": Facts'), r"\S*: NAMES: cora: is a dataset of planetoid.py .*"),
    "keys of data of another name": (
        ("SETTINGS =", "SETTING ="),
        r"mine: SETTING is no attribute of the contract \(did you mean 'SETTINGS'\?\)",
    ),
    "no task": ((TASK, "return dict(name=name) or Task(name"), r"mine: build must return a Task, not dict"),
    "other facts": (("features=4", "features=5"), r"mine: features: the raw files hold 4, but 5 belongs there"),
    "a kind that is none": (
        ("kind=Kind.NODE", "kind='nodes'"),
        r"\S*/datasets/mine.py: NAMES: mine: kind = 'nodes'; allowed: node, heterogeneous, graph",
    ),
    "a class that nothing has": (("outputs=2", "outputs=3"), r"mine: labels: no item has class 2, but outputs is 3"),
    "no reverses": (("(source + 2) % NODES, NODES)", "(source + 2) % NODES, NODES)\n    sources[0] = 3"), r"mine: .*"),
    "parts that overlap": (
        ("np.split(order, [40, 80])", "(order[:50], order[40:80], order[80:])"),
        r"mine: the splits .*",
    ),
    "an error of its own": (
        (TASK, "raise RuntimeError('no such\\nfile')\n    " + TASK),
        r"\S*/datasets/mine.py:\d+: RuntimeError: no such file",
    ),
    "global randomness": (
        ("np.random.default_rng(0)", "np.random.RandomState(np.random.randint(9))"),
        r"mine: build moves a global .*",
    ),
    "other data each time": (("default_rng(0)", "default_rng()"), r"mine: a second preparation gives other data: .*"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_sentence(fault: str, checked: Checked) -> None:
    change, told = FAULTS[fault]
    found = checked("dataset", change)
    assert any(re.fullmatch(told, line) for line in found), found
    assert not any("\n" in line for line in found)
