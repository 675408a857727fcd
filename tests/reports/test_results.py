"""What is read, and what is refused."""

from __future__ import annotations

import pytest

from reports.results import architecture, prepare
from reports.rows import RUN_COLUMNS
from tests.reports import samples
from tests.reports.samples import BASE


def test_duplicates_unknown_words_and_missing_columns_are_refused():
    with pytest.raises(ValueError, match="more than one row"):
        prepare(samples.frame(samples.cell(BASE), samples.cell(BASE)))
    with pytest.raises(ValueError, match="unknown status"):
        prepare(samples.frame(samples.cell([0.8], status="fine")))
    with pytest.raises(ValueError, match="unknown metric"):
        prepare(samples.frame(samples.cell([0.8], metric="f1")))
    with pytest.raises(ValueError, match="missing columns"):
        prepare(samples.frame(samples.cell([0.8])).drop(columns="valid"))
    assert len(RUN_COLUMNS) == 32


def test_an_architecture_is_a_student_without_its_width():
    names = {"gcn-2x16": "gcn-2", "mol-gin-2x8": "mol-gin-2", "smallx16": "small", "mixer": "mixer", "x4": "x4"}
    assert {name: architecture(name) for name in names} == names
