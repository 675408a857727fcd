"""Options of networks: what is of another kind than an option's default is refused, by its name."""

from __future__ import annotations

from typing import Any

import pytest

from methods.vocabulary import Kind
from workflow import catalog
from workflow.models import listing, model

DATA = {Kind.NODE: "ace-sim-mini", Kind.GRAPH: "ace-mol-mini", Kind.HETEROGENEOUS: "ace-het-mini"}
WRONG: dict[type, list[Any]] = {
    bool: ["false", "none", "", 0, 1, None, [True]],
    int: [True, 2.0, "2", None, [2]],
    float: [False, "0.5", None, [0.5]],
    str: [True, 1, None, ["batch"]],
}
"""Type of a default -> values of other types, among them those that Python would take for it."""


@pytest.mark.parametrize("name", listing.files())
def test_an_option_of_another_type_is_refused_by_its_name(name: str):
    cls = model.load(name)
    facts = catalog.facts(DATA[min(cls.kinds)])
    for key, default in model.options(cls).items():
        for value in WRONG[type(default)]:
            with pytest.raises(model.OptionError, match=rf"^{key}: must be [^\n]+, not "):
                model.create({"model": name, "layers": 2, "width": 8, key: value}, facts)
