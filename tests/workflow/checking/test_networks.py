"""Every fault of a network's file is a plain sentence, and the shipped networks have none."""

from __future__ import annotations

import re

import pytest

from tests.workflow.checking.conftest import Checked
from workflow.checking.networks import faults
from workflow.models.listing import available

MIDDLE = "hidden.append(graph.wanted(x))"
DROPOUT = "x = dropout(x, self.dropout)"
END = "return Signals(graph.wanted(x), tuple(hidden))"
FAULTS = {
    "a syntax error": ([("import annotations", "import")], r"\S*/networks/mine.py:\d+: SyntaxError: .*"),
    "no network": ([("(Model)", "(nn.Module)")], r"\S*/networks/mine.py must define exactly one Model, found 0"),
    "torch's dropout": (
        [(DROPOUT, "x = nn.functional.dropout(x, self.dropout, self.training)")],
        r"mine: a global random state moved in forward; .* \[node\]",
    ),
    "hidden states after dropout": (
        [(DROPOUT, ""), (MIDDLE, f"{DROPOUT}\n                {MIDDLE}")],
        r"mine: hidden\[0\] is .*",
    ),
    "no dropout": ([(DROPOUT, "")], r"mine: the option 'dropout' drops nothing.*"),
    "no super().__init__": ([("super().__init__()", "pass")], r"mine: __init__ must begin with super.*"),
    "no shape": (
        [("self.shape =", "self.shapes ="), ("len(self.shape", "len(self.shapes")],
        r"mine: __init__ must set self.shape.*",
    ),
    "another shape": ([("Shape(tuple(widths[1:-1])", "Shape(tuple(widths[:-1])")], r"mine: forward returns layers .*"),
    "a positional option": ([("*, layers", "layers")], r"mine: __init__: 'layers' must stand behind `\*,`.*"),
    "no option width": ([("width", "columns")], r"mine: __init__: has no option 'width', by which .*"),
    "kinds of another name": (
        [("    kinds =", "    kind =")],
        r"mine: kind is no attribute of the contract \(did you mean 'kinds'\?\)",
    ),
    "no signals": ([(END, "return x")], r"mine: forward must return Signals\(logits, hidden\), not Tensor.*"),
    "all rows for some": ([("graph.wanted(x), tuple", "x, tuple")], r"mine: `graph.at\(rows\)` gives other .*"),
    "an idle parameter": (
        [("self.own =", "self.idle = nn.Linear(2, 2)\n        self.own =")],
        r"mine: the parameter 'idle.weight' takes no part.*",
    ),
    "the order of nodes": (
        [("x: Tensor = graph.x", "x: Tensor = graph.x.cumsum(0)")],
        r"mine: depends on the order of nodes.*",
    ),
    "a fixed width": ([("[width] * (layers", "[8] * (layers")], r"mine: does not grow with the width: .*"),
    "dimensions that do not fit": (
        [("own(x)", "own(x.t())")],
        r"\S*/networks/mine.py:\d+: RuntimeError: mat1 and mat2 .*",
    ),
    "an unknown kind": ([("{Kind.NODE}", '{"nodes"}')], r"mine: kinds must be a frozenset of Kind: Kind.NODE, .*"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_sentence(fault: str, checked: Checked) -> None:
    changes, told = FAULTS[fault]
    found = checked("network", *changes)
    assert any(re.fullmatch(told, line) for line in found), found
    assert not any("\n" in line for line in found)


@pytest.mark.parametrize("model", available())
def test_shipped_networks_have_none(model: str) -> None:
    assert faults(model) == []
