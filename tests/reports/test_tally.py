"""Verdicts counted over several runs: against what the runs' own tables say, and against counts made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports import formats, tally
from tests.reports import samples
from workflow import cli

STORED = Path(__file__).resolve().parents[2] / "docs" / "results"
GAIN = {"supervised": 0.0, "kd": 0.04, "gcrd": 0.04, "at": -0.03}
NEW = {"new": 0.02}


def save(folder: Path, *parts: list[dict], **changes: object) -> Path:
    samples.save(folder, samples.frame(*parts), everything=False)
    (folder / "report.json").write_text(json.dumps(samples.settings(**changes)))
    return folder


def place(sign: int = 1, gains: dict[str, float] = GAIN, **changes: object) -> list[dict]:
    """One student: gains over the floor with noise of their own, seeds paired."""
    return [
        row
        for number, (method, gain) in enumerate(gains.items())
        for row in samples.cell(
            0.7 + sign * gain + samples.spread(1) + samples.spread(number) / 5, method=method, **changes
        )
    ]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two like students in one run; in the other one where KD failed on a seed, and one scored by error, without KD."""
    failed = place(gains={"supervised": 0.0, "kd": 0.04, "gcrd": 0.06}, config_hash="b")
    broken = next(row for row in failed if row["method"] == "kd" and row["seed"] == 3)
    broken |= {"status": "diverged", "reason": "loss is NaN", "test": None}
    errors = place(-1, {"supervised": 0.0, "gcrd": 0.2}, dataset="sol", metric="rmse")
    return [
        save(tmp_path / "a", place(), place(student="gcn-2x8", ratio_target=80.0)),
        save(tmp_path / "b", failed, errors, reference="gcrd"),
    ]


def counted(folders: list[Path], reference: str) -> dict[str, tuple[int, list[int], float]]:
    found = tally.tally(tally.once(each for folder in folders for each in tally.Run.read(folder).against(reference))[0])
    return {label: (own.places, list(own.counts.values()), own.difference) for label, own in found.items()}


def test_places_are_counted_by_verdict(runs: list[Path]):
    """Better, worse, not significant; a method that failed has a place and no verdict; errors are turned."""
    found = counted(runs[:1], "supervised")
    assert {label: own[:2] for label, own in found.items()} == {
        "kd": (2, [2, 0, 0]),
        "gcrd": (2, [2, 0, 0]),
        "at": (2, [0, 2, 0]),
    }
    assert found["at"][2] == pytest.approx(-3.0, abs=1e-9)
    found = counted(runs, "supervised")
    assert found["kd"][:2] == (3, [2, 0, 0])
    assert found["gcrd"][:2] == (4, [4, 0, 0])
    assert np.isnan(found["gcrd"][2]), "points and an error have no median together"
    assert counted(runs[:1], "kd")["gcrd"][:2] == (2, [0, 0, 2])


def test_a_reference_that_failed_gives_no_verdict(runs: list[Path]):
    assert counted(runs, "kd")["gcrd"][:2] == (3, [0, 0, 2])
    assert counted(runs[1:], "kd")["gcrd"][:2] == (1, [0, 0, 0])


def test_the_same_trainings_count_once(runs: list[Path], tmp_path: Path):
    """In a copy, in a merge, and where two runs share a student; other seeds or another configuration are others."""
    copy = save(tmp_path / "copy", place(), reference="supervised")
    assert counted([*runs[:1], copy], "supervised") == counted(runs[:1], "supervised")
    shared = save(tmp_path / "shared", place(gains={"supervised": 0.0, "kd": 0.04}), place(gains=NEW))
    own = counted([*runs[:1], shared], "supervised")
    assert (own["kd"][0], own["new"][0]) == (2, 1)
    assert "counts once" in tally.table([*runs[:1], copy], ["supervised"]).legend
    assert "counts once" not in tally.table(runs, ["supervised"]).legend
    other = save(tmp_path / "other", place(config_hash="another"))
    assert counted([*runs[:1], other], "supervised")["kd"][0] == 3
    unfinished = [row for row in place() if row["method"] != "kd"] + samples.missing(10, method="kd")
    assert counted([save(tmp_path / "unfinished", unfinished), *runs[:1]], "supervised")["kd"][:2] == (3, [2, 0, 0])


@pytest.mark.parametrize(("run", "reference"), [("quick", "kd-tuned"), ("deep", "kd-tuned"), ("ablations", "abkd")])
def test_counts_are_those_of_the_stored_table(run: str, reference: str):
    """Each verdict was worked out by the report of its run; here rows are counted, and nothing else."""
    stored = pd.read_csv(STORED / run / "comparisons.csv")
    stored = stored[stored["method"] != reference]
    found = counted([STORED / run], reference)
    assert set(found) == set(stored["method"])
    for label, rows in stored.groupby("method"):
        words = rows["verdict"].str.partition(":")[0]
        told = [int((words == word).sum()) for word in ("better", "worse", "not significant")]
        assert found[label] == (len(rows), told, pytest.approx(100 * rows["difference"].median())), label


def test_the_table_is_ordered_and_says_what_it_lacks(runs: list[Path]):
    made = tally.table(runs, ["supervised", "kd"], fewest=3)
    rows = made.grid.rows
    assert [row[:4] for row in rows] == [
        ["G-CRD", "4", "4 / 0 / 0", "—"],
        ["KD", "3", "2 / 0 / 0", "+4.00"],
    ]
    assert rows[1][4:] == ["—"] * 3, "a method is not counted against itself"
    assert rows[0][4:6] == ["3", "0 / 2 / 0"]
    assert "1 method at fewer than 3 places is left out" in made.legend
    lines = formats.markdown([made.grid], made.legend).splitlines()
    assert "than KD, better / neither / worse" in lines[2]
    without = save(runs[0].parent / "c", place(gains={"supervised": 0.0, "at": 0.1}))
    assert tally.table([*runs, without], ["kd"]).legend.endswith("KD is not in c.")
    assert made.numbers.to_dict("list") == {
        "method": ["gcrd", "gcrd", "kd"],
        "reference": ["supervised", "kd", "supervised"],
        "places": [4, 3, 3],
        "better": [4, 0, 2],
        "worse": [0, 0, 0],
        "not_significant": [0, 2, 0],
        "median_difference": [
            pytest.approx(float("nan"), nan_ok=True),
            pytest.approx(0.0, abs=1e-9),
            pytest.approx(4.0),
        ],
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folders: tally.table([*folders, folders[0] / ".." / "a"], ["kd"]), "tally: a folder is named twice"),
        (
            lambda folders: tally.table(folders, ["kdd"]),
            "no run has the reference kdd; there are: at, gcrd, kd, supervised$",
        ),
        (lambda folders: tally.table(folders, ["teacher"]), "no run has the reference teacher"),
        (lambda folders: tally.table([folders[0].parent], ["kd"]), "report.json is missing"),
        (lambda folders: tally.table([folders[0] / "none"], ["kd"]), "none: no such folder"),
    ],
)
def test_what_is_refused(runs: list[Path], change, told: str):
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        change(runs)


def test_the_command_writes_the_table_for_a_paper(runs: list[Path], tmp_path: Path, monkeypatch, capsys):
    words = ["tally", *map(str, runs), "--against", "kd", "--output", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["abkd-bench", *words])
    cli.main()
    assert capsys.readouterr().out == (tmp_path / "out" / "tally.md").read_text(encoding="utf-8")
    assert {file.suffix for file in (tmp_path / "out").iterdir()} == set(formats.SUFFIXES)
    assert list(pd.read_csv(tmp_path / "out" / "tally.csv").columns[:3]) == ["method", "reference", "places"]
    monkeypatch.setattr("sys.argv", ["abkd-bench", "tally", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match=r"^error: .*none: no such folder$"):
        cli.main()
