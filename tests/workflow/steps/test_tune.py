"""The choice among candidates."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.workflow.samples import GOOD
from workflow.config import complete
from workflow.errors import UserError
from workflow.steps.tune import choose


def test_choice_is_by_validation_and_leaves_out_failures():
    methods = {f"kd.{n}": {"method": "kd", "temperature": n} for n in (1, 2, 3)}
    config = complete({**GOOD, "methods": {"supervised": None, **methods}, "reference": "supervised"}, "x.yaml")
    rows = [("kd.1", 0.5, 0.9, "ok"), ("kd.2", 0.6, 0.1, "ok"), ("kd.2", 0.6, 0.1, "ok")]
    rows += [("kd.3", 0.9, 0.9, "ok"), ("kd.3", None, None, "diverged")]
    runs = pd.DataFrame(rows, columns=["method", "valid", "test", "status"]).assign(metric="accuracy")
    table = choose(runs, config)
    assert table[table["chosen"]]["candidate"].tolist() == ["kd.2"]
    table = choose(runs.assign(metric="rmse"), config)
    assert table[table["chosen"]]["candidate"].tolist() == ["kd.1"]
    with pytest.raises(UserError, match="no candidate of kd has finished"):
        choose(runs[runs["method"] == "kd.3"], config)
