"""Trainings that left no row: said everywhere, averaged nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import build, troubles
from reports.page import circumstances
from reports.results import load
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE, OTHER
from tests.reports.test_build import checked

pytestmark = pytest.mark.usefixtures("vectors_alone")

METHODS = ("supervised", "kd", "gcrd", "abkd")
DATASETS = {"ace-sim": "accuracy", "esol": "rmse"}
REASON = "no row; see logs/cells/gcrd.log"


def lose(runs: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    """The runs as collected after the jobs of these rows were killed."""
    runs = runs.copy()
    runs.loc[rows, ["status", "reason"]] = ["missing", REASON]
    runs.loc[rows, ["device", "commit", "versions"]] = ""
    runs.loc[rows, ["train", "valid", "test"]] = np.nan
    runs.loc[rows, ["seconds", "peak_memory_mb", "epochs"]] = 0
    return runs


def page(folder: Path, runs: pd.DataFrame, everything: bool = True) -> str:
    build.write(samples.save(folder, runs, everything), samples.settings(METHODS))
    checked(folder)
    return (folder / "index.html").read_text(encoding="utf-8")


def told(*parts: list[dict[str, Any]]) -> list[str]:
    found = samples.findings(*parts)
    return troubles.lines(found.results, found.settings)


def test_a_cell_with_missing_seeds_has_no_numbers_and_no_verdict():
    lost = samples.cell(BASE + 0.05 + OTHER, method="abkd") + samples.missing(10, 10, method="abkd")
    found = samples.findings(samples.cell(np.append(BASE, BASE)), lost)
    (rows,) = found.comparisons.values()
    (column,) = found.columns.values()
    (own,) = (row for row in rows if row.method == "abkd")
    assert own.words == "unfinished: 10 of 20 missing"
    numbers = (own.mean, own.difference, own.p, own.p_holm, own.wilcoxon_p, own.probability_of_improvement)
    assert np.isnan(numbers).all()
    assert column.cells["abkd"].text == "missing 10/20"
    assert not column.cells["abkd"].bold
    assert found.ranking.dropped == ["abkd"]


def test_what_failed_beside_what_is_missing_is_a_failure():
    rows = samples.missing(2, method="abkd") + samples.cell([0.8, np.nan], method="abkd")
    rows[3]["status"] = "oom"
    rows[2]["seed"], rows[3]["seed"] = 2, 3
    (compared,) = samples.findings(samples.cell(BASE), rows).comparisons.values()
    assert compared[1].words == "failed: 2 of 4 missing, 1 of 4 oom"


def test_an_unfinished_reference_forbids_every_verdict():
    reference = samples.cell(BASE[:4]) + samples.missing(6, 4)
    (rows,) = samples.findings(reference, samples.cell(BASE + 0.05, method="abkd")).comparisons.values()
    assert [row.words for row in rows] == [
        "unfinished: 6 of 10 missing",
        "no verdict: the reference KD is unfinished: 6 of 10 missing",
    ]


def test_what_survives_of_a_method_makes_no_other_more_significant():
    small = samples.cell(np.append(BASE, BASE) + 0.001 + np.append(OTHER, OTHER[::-1]), method="abkd")
    lost = samples.cell(BASE + 0.1, method="at") + samples.missing(10, 10, method="at")
    parts = (samples.cell(np.append(BASE, BASE)), small)
    (alone,), (beside,) = (samples.findings(*each).comparisons.values() for each in (parts, (*parts, lost)))
    assert 0.01 < alone[-1].p < 0.4
    assert beside[-1].p_holm == pytest.approx(2 * alone[-1].p)


@pytest.mark.parametrize("what", ["some", "dataset", "teachers", "student", "reference", "all"])
def test_whatever_is_missing_the_page_says_so(what: str, tmp_path: Path):
    runs = samples.study(DATASETS, METHODS, seeds=3, ratios=(40.0, 80.0))
    rows = {
        "some": (runs["method"] == "gcrd") & (runs["seed"] > 0),
        "dataset": runs["dataset"] == "esol",
        "teachers": runs["method"] == "teacher",
        "student": runs["ratio_target"] == 40,
        "reference": runs["method"] == "kd",
        "all": runs["seed"] >= 0,
    }[what]
    text = page(tmp_path, lose(runs, rows), everything=what != "all")
    counted = f"{rows.sum()} of {len(runs)} trainings are missing"
    assert f"This page is of an unfinished run: {counted}." in text
    assert text.index("unfinished run") < text.index("<h2>Verdicts")
    assert REASON in text
    assert not re.search(r"[\s>]nan[\s<]", text)
    assert ", , " not in text
    summary = build.summary(tmp_path)
    assert f"unfinished: {counted}" in summary
    assert ("best so far " in summary) == (what != "teachers")
    assert "missing: " in summary


def test_a_finished_run_has_no_banner(tmp_path: Path):
    assert "unfinished run" not in page(tmp_path, samples.frame(samples.cell([0.8])), everything=False)


def test_the_missing_are_listed_apart_from_the_failures(tmp_path: Path):
    failed = samples.cell([np.nan] * 2, method="gcrd", status="failed", reason="boom")
    text = page(tmp_path, samples.frame(samples.cell([0.8]), failed, samples.missing(3, method="abkd")), False)
    banner, failures = text.split("<h2>Verdicts")[0], text.split("<h2>Failures")[1].split("<h2>")[0]
    assert "missing 3/3" in banner
    assert '<td class="wrap">0-2</td>' in banner
    assert "boom" not in banner
    assert "failed 2/2" in failures
    assert "missing" not in failures


def test_blank_circumstances_are_no_device(tmp_path: Path):
    folder = samples.save(tmp_path, samples.frame(samples.cell([0.8]), samples.missing(1, 1, threads=7)), False)
    assert circumstances(load(folder, Settings())) == "2 CPU threads, cpu"


def test_the_summary_names_what_failed_and_what_is_missing():
    parts = [samples.cell([0.8] * 10), samples.missing(4, 10)]
    bad = samples.cell([0.8] * 10, method="gcrd", dataset="ogbn-arxiv", student="gcn-2x32", ratio_target=33.0)
    for each in bad[:3]:
        each |= {"status": "failed", "test": None, "reason": "RuntimeError: boom\n  at line 3 " + "x" * 300}
    lost = samples.teacher_rows([np.nan], status="missing", reason="killed")
    lines = told(*parts, bad, lost)
    assert lines[0].startswith("failed: gcrd on ogbn-arxiv, gcn-2x32 (33×): 3 of 10 (RuntimeError: boom at line 3 xxx")
    assert lines[1:] == [
        "missing: teacher on ace-sim, gcn-3x256: 1 of 1 (killed)",
        "missing: kd on ace-sim, gcn-2x16 (40×): 4 of 14 (no row; see logs/cells/kd.log)",
    ]
    assert len(lines[0]) < 200


def test_the_summary_names_every_failed_cell_and_some_of_what_is_missing():
    failed = [samples.cell([np.nan], method=f"m{n}", status="oom", reason="memory") for n in range(25)]
    missing = [samples.missing(1, method=f"n{n}") for n in range(25)]
    lines = told(samples.cell([0.8]), *failed, *missing)
    assert [line.startswith("oom: m") for line in lines] == [True] * 25 + [False] * 11
    assert lines[-1] == "... and 15 more, see the page"


def test_a_method_that_does_not_apply_is_no_trouble():
    skipped = samples.cell([np.nan], method="at", status="skipped", reason="no edges")
    assert not told(samples.cell([0.8]), skipped)
    some = [*samples.cell([0.7], method="at"), *(row | {"seed": 1} for row in skipped)]
    assert told(samples.cell([0.8]), some) == ["skipped: at on ace-sim, gcn-2x16 (40×): 1 of 2 (no edges)"]


def test_a_long_reason_is_folded_and_stays_whole(tmp_path: Path):
    reason = "RuntimeError: " + " ".join(f"word{n}" for n in range(200))
    failed = samples.cell([np.nan], method="at", status="failed", reason=reason)
    text = page(tmp_path, samples.frame(samples.cell([0.8]), failed), everything=False)
    failures = text.split("<h2>Failures")[1].split("<h2>")[0]
    assert f"<details><summary>{reason[:100]} ...</summary>{reason}</details>" in failures
    assert "word199" not in (tmp_path / "tables" / "main.md").read_text(encoding="utf-8")
