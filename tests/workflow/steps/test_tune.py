"""The choice among candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.reports import samples
from tests.workflow.samples import GOOD
from workflow.config import complete
from workflow.errors import UserError
from workflow.schemas.configuration import Configuration
from workflow.steps.tune import choose, print_choices

METHODS = {f"kd.{n}": {"method": "kd", "temperature": n} for n in (1, 2, 3)}
SETTINGS = {**GOOD, "methods": {"supervised": None, **METHODS}, "reference": "supervised"}


def config(**methods: Any) -> Configuration:
    return complete({**SETTINGS, "methods": {**SETTINGS["methods"], **methods}}, "x.yaml")


def cell(method: str, valid: list[float | None], **changes: Any) -> list[dict[str, Any]]:
    """One row per validation score; a test score that would choose the opposite."""
    return [
        samples.row(method=method, seed=seed, valid=score, test=0.5 if score is None else 1 - score / 10, **changes)
        for seed, score in enumerate(valid)
    ]


def chosen(*cells: list[dict[str, Any]]) -> list[str]:
    table = choose(samples.frame(*cells), config())
    return list(table.loc[table["chosen"], "candidate"])


def row(candidate: str, *cells: list[dict[str, Any]]) -> pd.Series:
    return choose(samples.frame(*cells), config()).set_index("candidate").loc[candidate]


def both(method: str, rocauc: float, rmse: float) -> list[dict[str, Any]]:
    parts = ((rocauc, "bbbp", "rocauc"), (rmse, "esol", "rmse"))
    return [each for score, name, metric in parts for each in cell(method, [score], dataset=name, metric=metric)]


def test_the_direction_is_that_of_each_metric():
    # The mean score over both datasets would take kd.1, which is worse on both.
    cells = (both("kd.1", 0.6, 2.0), both("kd.2", 0.9, 0.5), both("kd.3", 0.7, 1.0))
    assert chosen(*cells) == ["kd.2"]
    assert row("kd.1", *cells)["rank"] == 3
    assert row("kd.2", *cells)["rank"] == 1
    assert row("kd.3", *cells)["valid bbbp"] == pytest.approx(0.7)
    assert row("kd.3", *cells)["valid esol"] == pytest.approx(1.0)


def test_a_dataset_with_large_differences_outvotes_nobody():
    names = ("a", "b", "c")
    first = [
        each
        for name, score in zip(names, (0.81, 0.81, 0.1), strict=True)
        for each in cell("kd.1", [score], dataset=name)
    ]
    second = [each for name in names for each in cell("kd.2", [0.8], dataset=name)]
    third = [each for name in names for each in cell("kd.3", [0.05], dataset=name)]
    assert chosen(first, second, third) == ["kd.1"]


def test_the_mean_over_seeds_counts_and_test_scores_do_not():
    assert chosen(cell("kd.1", [0.9, 0.1]), cell("kd.2", [0.6, 0.6]), cell("kd.3", [0.5, 0.5])) == ["kd.2"]


@pytest.mark.parametrize("status", ["diverged", "oom", "failed", "missing"])
def test_a_candidate_that_failed_somewhere_is_not_chosen(status: str):
    lost = cell("kd.3", [0.9, 0.9])
    lost[1] |= {"status": status, "valid": None}
    cells = (cell("kd.1", [0.5, 0.5]), cell("kd.2", [0.6, 0.6]), lost)
    assert chosen(*cells) == ["kd.2"]
    assert row("kd.3", *cells)["note"] == f"{status} on ace-sim gcn-2x16"
    assert pd.isna(row("kd.3", *cells)["rank"])
    assert row("kd.2", *cells)["rank"] == 1, "what cannot be chosen ranks nobody"


def test_fewer_seeds_than_the_others_are_a_failure():
    assert chosen(cell("kd.1", [0.5, 0.5]), cell("kd.2", [0.6, 0.6]), cell("kd.3", [0.9])) == ["kd.2"]


def test_a_family_in_which_the_method_does_not_apply_is_left_out():
    apart = [cell(name, [None], status="skipped", reason="no edges", dataset="mag") for name in METHODS]
    cells = (*apart, cell("kd.1", [0.5]), cell("kd.2", [0.6]), cell("kd.3", [0.4]))
    assert chosen(*cells) == ["kd.2"]
    assert "valid mag" not in choose(samples.frame(*cells), config())


def test_a_candidate_skipped_alone_blocks_nobody():
    skipped = cell("kd.3", [None], status="skipped", reason="too wide", dataset="mag") + cell("kd.3", [0.9])
    others = [
        cell(name, [score], dataset=dataset)
        for name, score in (("kd.1", 0.5), ("kd.2", 0.6))
        for dataset in ("mag", "ace-sim")
    ]
    assert chosen(skipped, *others) == ["kd.2"]
    assert row("kd.3", skipped, *others)["note"] == "skipped on mag gcn-2x16"


def test_of_equal_ranks_the_first_listed_wins_and_the_table_says_so():
    cells = (cell("kd.2", [0.6]), cell("kd.1", [0.6]), cell("kd.3", [0.5]))
    assert chosen(*cells) == ["kd.1"]
    assert row("kd.1", *cells)["rank"] == 1.5
    assert row("kd.1", *cells)["note"] == "shares its rank with kd.2; the first listed is taken"


def write(folder: Path, methods: dict[str, Any], *cells: list[dict[str, Any]]) -> Path:
    """A tuning configuration and its run below the folder."""
    (folder / "results" / "tune-x").mkdir(parents=True)
    samples.frame(*cells).to_parquet(folder / "results" / "tune-x" / "runs.parquet", index=False)
    (folder / "tune-x.yaml").write_text(yaml.safe_dump({**SETTINGS, "methods": methods}, sort_keys=False))
    return Path("tune-x.yaml")


def test_a_method_without_a_choice_is_told_after_those_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    methods = {"supervised": None, **METHODS, "at.1": {"method": "at", "beta": 1}}
    done = [cell(name, [score]) for name, score in (("kd.1", 0.5), ("kd.2", 0.6), ("kd.3", 0.4))]
    file = write(tmp_path, methods, *done, cell("at.1", [None], status="oom", reason="memory"))
    with pytest.raises(UserError, match=r"^no candidate of at can be chosen; "):
        print_choices(file)
    told = capsys.readouterr().out
    assert yaml.safe_load(told[told.index("methods:") :]) == {"methods": {"kd": {"method": "kd", "temperature": 2}}}
    assert "oom on ace-sim gcn-2x16" in told


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path, SETTINGS["methods"], cell("kd.1", [0.5]))
    (tmp_path / "results" / "tune-x" / "runs.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"^results/tune-x/runs.parquet: cannot be read: [^\n]*$"):
        print_choices(file)
    file.rename("tune-y.yaml")
    with pytest.raises(UserError, match=r"^results/tune-y is missing; first run snakemake"):
        print_choices(Path("tune-y.yaml"))


def test_a_configuration_without_candidates_is_refused():
    plain = complete({**SETTINGS, "methods": {"supervised": None, "kd": None}}, "x.yaml")
    with pytest.raises(UserError, match="no method has candidates"):
        choose(samples.frame(cell("kd", [0.5])), plain)
