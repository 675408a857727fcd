"""The table of tuned methods beside their defaults, held against numbers made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests

from reports import page, tables, tuned
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE, NOISE, OTHER, cell, findings, teacher_rows

WIDE, NARROW = "gcn-2x16~40x", "gcn-2x8~80x"


def choice(method: str, **changes: Any) -> dict[str, Any]:
    """Of the family of `samples.row`."""
    return {
        "dataset": "ace-sim",
        "teacher": "gcn-3x256",
        "student": "gcn-2",
        "method": method,
        "tuned": f"{method}-tuned",
        "values": "beta 2",
        "valid": {WIDE: [0.70, 0.74, 0.71, None], NARROW: [0.50, 0.58, 0.53, None]},
        "ranks": [3.0, 1.5, 1.75, None],
        "chosen": 1,
        "floor": {WIDE: 0.69, NARROW: 0.45},
        "borders": [],
        **changes,
    }


ROWS = (
    cell(BASE - 0.01, method="supervised"),
    cell(BASE, method="kd"),
    cell(BASE + 0.004 + OTHER, method="kd-tuned"),
    cell(BASE + 0.01, method="at"),
    cell(BASE + 0.012 + NOISE, method="at-tuned"),
)
CHOICES = [choice("kd"), choice("at", chosen=0, borders=["beta", "tau"])]


def of(*parts: list[dict[str, Any]], **changes: Any) -> pd.DataFrame:
    names = ("supervised", "kd", "kd-tuned", "at", "at-tuned")
    return tuned.frame(findings(*parts, methods=names, **{"tuning": CHOICES, **changes}))


def test_differences_are_paired_and_corrected_over_the_tuned_methods():
    found = of(*ROWS).set_index("method")
    assert list(found.index) == ["kd", "at"]
    raw = [ttest_rel(BASE + 0.004 + OTHER, BASE).pvalue, ttest_rel(BASE + 0.012 + NOISE, BASE + 0.01).pvalue]
    assert found["p"].to_list() == pytest.approx(raw)
    assert found["p_holm"].to_list() == pytest.approx(multipletests(raw, method="holm")[1])
    assert found["difference"].to_list() == pytest.approx([np.mean(0.004 + OTHER), np.mean(0.002 + NOISE)])
    assert found["verdict"].to_list() == ["better", "not significant"]
    assert found.loc["kd", "default_mean"] == pytest.approx(BASE.mean())
    assert found.loc["kd", "tuned_std"] == pytest.approx((BASE + OTHER).std(ddof=1))


def test_holm_can_take_a_verdict_away():
    shift = OTHER.std(ddof=1) / np.sqrt(10) * 2.6  # t = 2.6 of 9 degrees of freedom: p = 0.029
    close = BASE + OTHER - OTHER.mean() + shift
    rows = (*ROWS[:2], cell(close, method="kd-tuned"), *ROWS[3:])
    alone = of(*rows[:3], tuning=CHOICES[:1]).iloc[0]
    beside = of(*rows).iloc[0]
    assert (alone["verdict"], beside["verdict"]) == ("better", "not significant")
    assert alone["p"] == beside["p"] == pytest.approx(0.0287, abs=1e-3)


def test_an_error_that_falls_is_better():
    rows = [[{**row, "metric": "rmse"} for row in part] for part in ROWS]
    found = of(*rows).iloc[0]
    assert found["difference"] == pytest.approx(-np.mean(0.004 + OTHER))
    assert found["verdict"] == "worse"
    assert found["valid_over_floor"] == pytest.approx(0.69 - 0.74)


def test_how_flat_a_choice_is():
    kd, at = of(*ROWS).to_dict("records")
    assert (kd["valid_chosen"], kd["valid_default"], kd["valid_second"]) == (0.74, 0.70, 0.71)
    assert kd["valid_spread"] == pytest.approx(0.04)
    assert kd["valid_over_floor"] == pytest.approx(0.05)
    assert (at["valid_chosen"], at["valid_second"]) == (0.70, 0.74), "second by rank"
    assert at["border"] == "beta, tau"
    assert (kd["trials"], kd["chosen_trial"], at["chosen_trial"]) == (4, 1, 0)


def test_all_ratios_of_a_student_share_the_choice():
    narrow = [{**row, "student": "gcn-2x8", "ratio_target": 80.0} for part in ROWS for row in part]
    other = [{**row, "student": "mlp-2x8", "ratio_target": 10.0} for part in ROWS for row in part]
    found = of(*ROWS, narrow, other)
    assert list(found["student"]) == ["gcn-2x16"] * 2 + ["gcn-2x8"] * 2
    kd = found[found["method"] == "kd"].set_index("student")
    assert kd["valid_chosen"].to_dict() == {"gcn-2x16": 0.74, "gcn-2x8": 0.58}, "each its own validation scores"
    assert kd["valid_over_floor"].to_list() == pytest.approx([0.05, 0.13])


def test_a_width_that_was_not_tuned_has_no_validation_scores():
    wider = [{**row, "student": "gcn-2x32", "ratio_target": 20.0} for part in ROWS for row in part]
    found = of(wider)
    assert found["valid_chosen"].isna().all()
    assert found["valid_over_floor"].isna().all()
    assert found["verdict"].to_list() == ["better", "not significant"]


def test_failures_and_few_seeds_have_no_numbers():
    failed = [*cell(BASE[:9], method="kd-tuned"), samples.row(seed=9, method="kd-tuned", status="oom", test=None)]
    found = of(*ROWS[:2], failed, *ROWS[3:]).set_index("method")
    assert found.loc["kd", "verdict"] == "failed: 1 of 10 oom"
    assert pd.isna(found.loc["kd", "p"])
    assert pd.isna(found.loc["kd", "difference"])
    assert found.loc["at", "p_holm"] == pytest.approx(2 * found.loc["at", "p"]), "it stays a member of the family"
    few = [part[:5] for part in ROWS]
    (table,) = tuned.tables(findings(*few, methods=("kd", "kd-tuned", "at", "at-tuned"), tuning=CHOICES))
    assert dict(zip(tuned.HEADINGS, table.rows[0], strict=False))["p (Holm)"] == "needs 10 seeds"


def test_files_and_page(tmp_path: Path):
    names = ("supervised", "kd", "kd-tuned", "at", "at-tuned")
    own = findings(teacher_rows(BASE + 0.05), *ROWS, methods=names, tuning=CHOICES)
    tables.write(tmp_path, own)
    text = (tmp_path / "tuned.md").read_text()
    assert "| AT " in text
    assert "the default: beta 2 (4 trials)" in text
    assert "Holm over the tuned methods" in text
    assert len(pd.read_csv(tmp_path / "tuned.csv")) == 2
    paper = (tmp_path / "tuned.tex").read_text()
    assert r"\label{tab:tuned-" in paper
    assert r"Method & Default & Tuned & Difference & p (Holm) & Chosen \\" in paper
    assert "Tuned beside default" in page.render(own, [])
    plain = findings(*ROWS[:2], methods=names)
    tables.write(tmp_path / "plain", plain)
    assert not (tmp_path / "plain" / "tuned.md").exists()
    assert "Tuned beside default" not in page.render(plain, [])


def test_the_settings_of_a_report_are_kept_with_it():
    """`abkd-bench report` builds it anew from them."""
    chosen = Settings.parse(samples.settings(tuning=CHOICES))
    assert Settings.parse(json.loads(json.dumps(samples.settings(tuning=CHOICES)))) == chosen
    assert chosen.tuning[0].valid[WIDE] == (0.70, 0.74, 0.71, None)


def test_a_tuned_method_without_rows_has_no_table():
    bare = findings(ROWS[0], ROWS[1], tuning=CHOICES)
    assert tuned.tables(bare) == []
    assert "tuned" not in {table.name for table in tables.every(bare)}


def test_defaults_that_failed_are_named_in_their_column():
    failed = cell(BASE + 0.01, method="at")
    failed[0] |= {"status": "diverged", "reason": "a loss", "test": None}
    shown = findings(
        *ROWS[:3], failed, ROWS[4], methods=("supervised", "kd", "kd-tuned", "at", "at-tuned"), tuning=CHOICES
    )
    at = next(row for row in tuned.tables(shown)[0].rows if row[0] == "AT")
    assert at[2] == "diverged 1/10"
    assert "no verdict: the reference AT failed: 1 of 10 diverged" in at


def test_a_tuned_method_that_was_skipped_is_no_hypothesis():
    names = ("supervised", "kd", "kd-tuned", "at", "at-tuned")
    skipped = [cell([np.nan] * 10, method=name, status="skipped", reason="no edges") for name in names[3:]]
    shown = tuned.frame(findings(*ROWS[:3], *skipped, methods=names, tuning=CHOICES)).set_index("method")
    assert shown.loc["kd", "p_holm"] == shown.loc["kd", "p"]
    assert shown.loc["at", "verdict"].startswith("skipped: ")
