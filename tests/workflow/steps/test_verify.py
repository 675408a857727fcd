"""A published row is trained anew: it agrees, or says by how much it does not."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.steps.conftest import KD
from workflow.errors import UserError
from workflow.files import write_text
from workflow.steps import verify


@pytest.fixture
def collected(tiny):
    run = tiny()
    run.train()
    run.collect()
    return run


def test_untouched_rows_agree_bit_for_bit(collected):
    found, left = verify.verify(Path("results/tiny"), 20, 0)
    assert len(found) == 9
    assert not left
    assert all(one.same and one.difference == 0 for one in found)
    assert {one.name.split(",")[0].rsplit("/", 1)[1] for one in found} == {"big", "supervised", "kd"}


def test_a_changed_number_is_found(collected):
    path = Path("results/tiny/runs.parquet")
    runs = pd.read_parquet(path)
    place = runs.index[(runs["method"] == "kd") & (runs["seed"] == 1)][0]
    runs.loc[place, "test"] += 0.25
    runs.to_parquet(path)
    wrong = [one for one in verify.verify(Path("results/tiny"), 20, 0)[0] if not one.same]
    assert [(one.name, round(one.difference, 6)) for one in wrong] == [("tiny/big/smallx4/kd, seed 1", 0.25)]


def arguments(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    verify.add_arguments(parser)
    return parser.parse_args(["results/tiny", *options])


@pytest.mark.parametrize(("column", "value"), [("agreement", 0.123), ("cka", None)])
def test_what_is_said_of_fidelity_is_verified_too(collected, column, value):
    path = Path("results/tiny/runs.parquet")
    runs = pd.read_parquet(path)
    runs.loc[runs["method"] == "kd", column] = value
    runs.to_parquet(path)
    with pytest.raises(UserError, match="results/tiny: 3 of 9 rows differ: tiny/big/smallx4/kd"):
        verify.call(arguments())


def test_rows_that_nothing_stands_behind_are_told(collected):
    """As after an edit of a method's code, whose records are then those of another training."""
    for file in Path(collected.run.folder(KD)).rglob("seed~*.json"):
        file.unlink()
    left = r"3 published rows cannot be made again, .* those behind them: dataset tiny, .*, method kd, seed 0"
    with pytest.raises(UserError, match=rf"^results/tiny: {left}$"):
        verify.call(arguments())


def test_a_title_that_reads_as_yaml_is_a_title(tiny):
    """And so it stays when the file says something else by now."""
    run = tiny(title="ABKD: few labels")
    run.train()
    run.collect()
    write_text("config/tiny.yaml", "title: another\n")
    assert verify.run_of(Path("results/tiny")).config.title == "ABKD: few labels"


def test_the_sample_is_chosen_by_its_seed(collected):
    def names(seed: int) -> list[str]:
        return [one.name for one in verify.verify(Path("results/tiny"), 2, seed)[0]]

    assert names(1) == names(1) != names(2)


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(UserError, match="provenance"):
        verify.verify(tmp_path, 1, 0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sample", "0"], "--sample: must be at least 1, not 0"),
        (["--sample", "-1"], "--sample: must be at least 1, not -1"),
        (["--threads", "0"], "--threads: must be 1 to 1024, not 0"),
        (["--threads", "100000000000"], "--threads: must be 1 to 1024, not 100000000000"),
        (["--tolerance", "nan"], "--tolerance: must be at least 0, not nan"),
    ],
)
def test_options_out_of_bounds_are_told(options: list[str], told: str):
    with pytest.raises(UserError, match=rf"^{told}$"):
        verify.call(arguments(*options))
