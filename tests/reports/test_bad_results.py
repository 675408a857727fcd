"""Result files that are broken, truncated or edited by hand: one line that names the file, and no page."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports import build
from reports.results import load
from reports.settings import Settings
from tests.reports import samples
from workflow import cli


def changed(**values: object) -> Callable[[Path], None]:
    """Writes runs.csv anew, with other values in its third row."""

    def spoil(folder: Path) -> None:
        frame = pd.read_csv(folder / "runs.csv", dtype=str, keep_default_na=False)
        for column, value in values.items():
            frame.loc[2, column] = value
        frame.to_csv(folder / "runs.csv", index=False)

    return spoil


def reshaped(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        change(pd.read_csv(folder / "runs.csv")).to_csv(folder / "runs.csv", index=False)

    return spoil


def written(name: str, content: str | bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return spoil


def truncated(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        samples.frame(samples.cell([0.8])).to_parquet(folder / name, index=False)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])

    return spoil


def parquet(**values: object) -> Callable[[Path], None]:
    """Writes runs.parquet with whole columns of other values."""

    def spoil(folder: Path) -> None:
        samples.frame(samples.cell([0.8, 0.9])).assign(**values).to_parquet(folder / "runs.parquet", index=False)

    return spoil


def gone(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def twice(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        runs = samples.frame(samples.cell([0.8]))
        curves = samples.curves(runs, 3)
        pd.concat([curves, curves]).to_parquet(folder / name, index=False)

    return spoil


BROKEN = {
    "a misspelt status": (changed(status="okay"), "runs.csv: status: unknown status okay; allowed: ok, diverged"),
    "no status": (changed(status=""), "runs.csv: status is blank in row 3"),
    "no method": (changed(method=""), "runs.csv: method is blank in row 3"),
    "a word for a score": (changed(test="good"), "runs.csv: test holds no number: "),
    "an infinite score": (changed(test="inf"), "runs.csv: test is infinite in row 3"),
    "percent for a share": (changed(test="82.3"), "dataset ace-sim: test is 82.3; accuracy lies from 0 to 1"),
    "percent for an agreement": (
        changed(agreement="85"),
        "dataset ace-sim: agreement is 85; agreement lies from 0 to 1",
    ),
    "a negative divergence": (changed(kl_to_teacher="-1"), "kl_to_teacher is -1; kl_to_teacher lies from 0 to inf"),
    "half a seed": (changed(seed="1.5"), "runs.csv: seed is not a whole number in row 3"),
    "no seed": (changed(seed=""), "runs.csv: seed is blank in row 3"),
    "a ratio of zero": (changed(ratio="0"), "runs.csv: ratio must be above 0"),
    "an unknown metric": (reshaped(lambda runs: runs.assign(metric="f1")), "unknown metric 'f1'; allowed: "),
    "two metrics": (changed(metric="rmse"), "dataset ace-sim has more than one metric: ['accuracy', 'rmse']"),
    "a row twice": (changed(seed="1"), "runs.csv: more than one row for {"),
    "a seed of twenty digits": (changed(seed="1" + 20 * "0"), "runs.csv: seed is too large in row 3"),
    "a field more than the header names": (
        lambda folder: (folder / "runs.csv").write_text(
            "".join(
                line + (",1" if number else "") + "\n"
                for number, line in enumerate((folder / "runs.csv").read_text().splitlines())
            )
        ),
        "runs.csv: cannot be read: rows have more fields than the header names",
    ),
    "a column too few": (reshaped(lambda runs: runs.drop(columns="valid")), "runs.csv: missing columns ['valid']"),
    "a column too many": (reshaped(lambda runs: runs.assign(note="x")), "runs.csv: unknown columns ['note']"),
    "no rows": (reshaped(lambda runs: runs[:0]), "runs.csv: holds no rows"),
    "an empty file": (written("runs.csv", ""), "runs.csv: cannot be read: "),
    "a table of other text": (written("runs.csv", "a,b\n1,2,3\n4"), "runs.csv: "),
    "bytes that are no text": (written("runs.csv", b"\xff\xfe\x00\x01,\x80"), "runs.csv: cannot be read: "),
    "a truncated table": (truncated("runs.parquet"), "runs.parquet: cannot be read: "),
    "an empty Parquet file": (written("runs.parquet", ""), "runs.parquet: cannot be read: "),
    "yes and no for scores": (parquet(test=True), "runs.parquet: test holds bool where numbers must stand"),
    "dates for seeds": (parquet(seed=pd.Timestamp("2026-01-01")), "runs.parquet: seed holds datetime64"),
    "lists for scores": (parquet(test=[[1.0], [2.0]]), "runs.parquet: test holds no number: "),
    "no runs": (gone("runs.csv"), " holds neither runs.parquet nor runs.csv"),
    "no settings": (gone("report.json"), "report.json is missing"),
    "settings that are no JSON": (written("report.json", '{"alpha": 0.05'), "report.json: "),
    "settings that are a list": (written("report.json", "[1]"), "report.json: must hold a JSON object, not list"),
    "a misspelt setting": (written("report.json", '{"alfa": 0.05}'), "report settings: unknown keys ['alfa']"),
    "a setting of another type": (written("report.json", '{"methods": [1]}'), "report settings: methods: "),
    "provenance that is no JSON": (written("provenance.json", "{"), "provenance.json: "),
    "provenance that is a number": (written("provenance.json", "3"), "provenance.json: must hold a JSON object"),
    "measurements without columns": (written("measurements.csv", "a\n1\n"), "measurements.csv: missing columns "),
    "truncated curves": (truncated("curves.parquet"), "curves.parquet: cannot be read: "),
    "truncated terms": (truncated("terms.parquet"), "terms.parquet: cannot be read: "),
    "curves twice": (twice("curves.parquet"), "curves.parquet: more than one row for {"),
    "attention of other columns": (twice("attention.parquet"), "attention.parquet: missing columns "),
    "layers of other columns": (twice("layers.parquet"), "layers.parquet: missing columns "),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_result_is_told_in_one_line(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spoil, told = BROKEN[case]
    runs = samples.frame(samples.cell([0.8, 0.82, 0.81]), samples.cell([0.8, 0.81, 0.83], method="abkd"))
    runs.to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "report.json").write_text(json.dumps(samples.settings()))
    spoil(tmp_path)
    monkeypatch.setattr(sys, "argv", ["abkd-bench", "report", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    message = str(ended.value)
    assert message.startswith("error: ")
    assert told in message
    assert str(tmp_path) in message or "settings" in told
    assert "\n" not in message
    assert not (tmp_path / "index.html").exists()


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["abkd-bench", "report", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit, match=r"nothing: no such folder$"):
        cli.main()


def test_a_csv_keeps_words_that_look_like_numbers(tmp_path: Path):
    rows = samples.frame(
        samples.cell([0.8, np.nan], method="1.10", commit="0123456", status="ok"), samples.cell([0.8], method="NA")
    )
    rows.to_csv(tmp_path / "runs.csv", index=False)
    runs = load(tmp_path, Settings()).runs
    assert list(runs["method"]) == ["1.10", "1.10", "NA"]
    assert list(runs["commit"]) == ["0123456"] * 3
    assert list(runs["usable"]) == [True, False, True]


def test_the_summary_of_a_broken_run_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from workflow.steps import summary

    (tmp_path / build.SETTINGS_COPY).write_text("{")
    monkeypatch.setattr(sys, "argv", ["summary", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^error: [^\n]*report.json: [^\n]*$"):
        summary.main()
