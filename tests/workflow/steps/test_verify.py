"""A published row is trained anew: it agrees, or says by how much it does not."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import pytest

from workflow.errors import UserError
from workflow.steps import verify


@pytest.fixture
def collected(tiny):
    run = tiny()
    run.train()
    run.collect()
    return run


def test_untouched_rows_agree_bit_for_bit(collected):
    found = verify.verify(Path("results/tiny"), 20, 0)
    assert len(found) == 9
    assert all(one.same and one.difference == 0 for one in found)
    assert {one.name.split(",")[0].rsplit("/", 1)[1] for one in found} == {"big", "supervised", "kd"}


def test_a_changed_number_is_found(collected):
    path = Path("results/tiny/runs.parquet")
    runs = pd.read_parquet(path)
    place = runs.index[(runs["method"] == "kd") & (runs["seed"] == 1)][0]
    runs.loc[place, "test"] += 0.25
    runs.to_parquet(path)
    wrong = [one for one in verify.verify(Path("results/tiny"), 20, 0) if not one.same]
    assert [(one.name, round(one.difference, 6)) for one in wrong] == [("tiny/big/smallx4/kd, seed 1", 0.25)]


def test_the_sample_is_chosen_by_its_seed(collected):
    def names(seed: int) -> list[str]:
        return [one.name for one in verify.verify(Path("results/tiny"), 2, seed)]

    assert names(1) == names(1) != names(2)


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(UserError, match="provenance"):
        verify.verify(tmp_path, 1, 0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sample", "0"], "--sample: must be at least 1, not 0"),
        (["--sample", "-1"], "--sample: must be at least 1, not -1"),
        (["--threads", "0"], "--threads: must be at least 1, not 0"),
        (["--tolerance", "nan"], "--tolerance: must be at least 0, not nan"),
    ],
)
def test_options_out_of_bounds_are_told(options: list[str], told: str):
    parser = argparse.ArgumentParser()
    verify.add_arguments(parser)
    with pytest.raises(UserError, match=rf"^{told}$"):
        verify.call(parser.parse_args(["results/tiny", *options]))
