"""From rows of runs to verdicts: pairing, failures, directions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports import cells, sentences, statistics
from reports.comparisons import COLUMNS, frame
from tests.reports import samples
from tests.reports.samples import BASE, NOISE, OTHER


def compared(*parts, **changes) -> pd.DataFrame:
    return frame(samples.findings(*parts, **changes).comparisons).set_index("method")


def column(*parts, **changes) -> cells.Column:
    (shown,) = samples.findings(*parts, **changes).columns.values()
    return shown


def first_sentence(*parts) -> str:
    found = samples.findings(*parts)
    return sentences.family_statement(found, found.results.families[0]).sentences[0]


def test_columns_are_those_of_the_contract():
    table = compared(samples.cell(BASE), samples.cell(BASE, method="abkd")).reset_index()
    assert sorted(table.columns) == sorted(COLUMNS)
    assert COLUMNS[:8] == ["dataset", "teacher", "student", "ratio_target", "method", "reference", "n", "mean"]


def test_better_worse_and_no_difference():
    table = compared(
        samples.cell(BASE),
        samples.cell(BASE + 0.01 + OTHER, method="abkd"),
        samples.cell(BASE - 0.01 + OTHER, method="at"),
        samples.cell(BASE + OTHER, method="fitnet"),
    )
    assert table["verdict"].to_dict() == {
        "kd": "reference",
        "abkd": "better",
        "at": "worse",
        "fitnet": "not significant",
    }
    assert table.loc["abkd", "difference"] == pytest.approx(0.01 + OTHER.mean())
    assert table.loc["abkd", "ci_low"] < table.loc["abkd", "difference"] < table.loc["abkd", "ci_high"]
    tested = table.loc[["abkd", "at", "fitnet"]]
    assert tested["p_holm"].to_numpy() == pytest.approx(statistics.holm(tested["p"]), rel=1e-12)
    assert (tested["p_holm"] >= tested["p"]).all()
    assert np.isnan(table.loc["kd", "p"])


def test_pairs_are_matched_by_seed_and_not_by_row():
    shuffled = list(reversed(samples.cell(BASE + 0.01 + OTHER, method="abkd")))
    straight = compared(samples.cell(BASE), samples.cell(BASE + 0.01 + OTHER, method="abkd"))
    assert compared(shuffled, samples.cell(BASE)).loc["abkd"].equals(straight.loc["abkd"])


def test_missing_seeds_leave_fewer_pairs():
    table = compared(samples.cell(BASE)[2:], samples.cell(BASE + 0.01 + OTHER, method="abkd")[:-1])
    assert table.loc["abkd", "n"] == 7
    assert table.loc["abkd", "verdict"] == "too few seeds"
    assert np.isnan(table.loc["abkd", ["p", "p_holm", "wilcoxon_p"]].to_numpy(float)).all()
    assert table.loc["abkd", "difference"] == pytest.approx((0.01 + OTHER)[2:9].mean())


def test_diverged_runs_show_and_forbid_a_verdict():
    rows = samples.cell(np.append(BASE, BASE) + 0.05, method="abkd")
    for row in rows[:3]:
        row |= {"status": "diverged", "reason": "loss is not finite", "test": np.nan}
    table = compared(samples.cell(np.append(BASE, BASE)), rows)
    assert table.loc["abkd", "n"] == 17
    assert table.loc["abkd", "verdict"] == "failed: 3 of 20 diverged"
    numbers = ["mean", "std", "difference", "ci_low", "ci_high", "p", "p_holm", "wilcoxon_p", "gap_closed"]
    assert table.loc["abkd", [*numbers, "probability_of_improvement"]].isna().all(), "nothing is averaged over failures"
    shown = column(samples.cell(np.append(BASE, BASE)), rows).cells["abkd"]
    assert (shown.text, shown.bold, shown.arrow, shown.note) == ("diverged 3/20", False, "", "loss is not finite")


def test_nothing_is_compared_with_a_reference_that_failed():
    reference, better = samples.cell(BASE), samples.cell(BASE + 0.05, method="abkd")
    reference[0] |= {"status": "diverged", "reason": "loss is not finite", "test": np.nan}
    table = compared(reference, better)
    assert table.loc["abkd", "verdict"] == "no verdict: the reference KD failed: 1 of 10 diverged"
    assert table.loc["abkd", ["difference", "p", "p_holm"]].isna().all()
    assert table.loc["abkd", "mean"] == pytest.approx((BASE + 0.05).mean())
    assert column(reference, better).cells["abkd"].arrow == ""
    assert first_sentence(reference, better) == "No test: the reference KD failed: 1 of 10 diverged."


def test_an_ok_run_without_a_score_is_a_failure():
    rows = samples.cell(BASE, method="abkd")
    rows[0]["test"] = np.nan
    assert compared(samples.cell(BASE), rows).loc["abkd", "verdict"] == "failed: 1 of 10 no score"


def test_a_failed_method_stays_in_the_holm_family_and_a_skipped_one_does_not():
    small = samples.cell(BASE + 0.01 + OTHER, method="abkd")
    failed = samples.cell([np.nan] * 10, method="at", status="oom", reason="memory")
    skipped = samples.cell([np.nan] * 10, method="at", status="skipped", reason="no edges here")
    alone = compared(samples.cell(BASE), small).loc["abkd"]
    assert alone["p_holm"] == alone["p"]
    with_failed = compared(samples.cell(BASE), small, failed)
    assert with_failed.loc["abkd", "p_holm"] == pytest.approx(2 * alone["p"])
    assert with_failed.loc["at", "verdict"] == "failed: 10 of 10 oom"
    with_skipped = compared(samples.cell(BASE), small, skipped)
    assert with_skipped.loc["abkd", "p_holm"] == alone["p"]
    assert with_skipped.loc["at", "verdict"] == "skipped: no edges here"


def test_one_seed_has_means_and_nothing_else():
    table = compared(samples.cell([0.8]), samples.cell([0.9], method="abkd"))
    row = table.loc["abkd"]
    assert (row["n"], row["verdict"]) == (1, "too few seeds")
    assert row["difference"] == pytest.approx(0.1)
    assert np.isnan(row[["std", "ci_low", "p"]].to_numpy(float)).all()
    assert not any(cell.bold for cell in column(samples.cell([0.8]), samples.cell([0.9], method="abkd")).cells.values())


def test_lower_rmse_is_better():
    parts = (
        samples.cell(BASE, metric="rmse"),
        samples.cell(BASE - 0.01 + OTHER, metric="rmse", method="abkd"),
        samples.cell(BASE + 0.02 + OTHER, metric="rmse", method="supervised"),
        samples.teacher_rows(BASE - 0.03, metric="rmse"),
    )
    table = compared(*parts)
    assert table.loc["abkd", "verdict"] == "better"
    assert table.loc["abkd", "difference"] > 0
    assert table.loc["abkd", "mean"] == pytest.approx(0.79 + (NOISE + OTHER).mean()), "scores stay as stored"
    assert table.loc["abkd", "probability_of_improvement"] > 0.5
    assert table.loc["abkd", "gap_closed"] == pytest.approx(0.03 / (0.05 + OTHER.mean()))
    shown = column(*parts)
    assert [label for label, cell in shown.cells.items() if cell.bold] == ["abkd"]
    assert shown.cells["abkd"].arrow == "up"


def test_equal_scores_are_no_difference():
    row = compared(samples.cell(BASE), samples.cell(BASE, method="abkd")).loc["abkd"]
    assert (row["p"], row["wilcoxon_p"], row["verdict"]) == (1, 1, "not significant")
    assert row["probability_of_improvement"] == 0.5


def test_a_family_without_its_reference_has_no_test():
    table = compared(samples.cell(BASE, method="abkd"), samples.cell(BASE, method="at"))
    assert set(table["verdict"]) == {"no verdict: the reference KD was not run"}
    assert (table["n"] == 0).all()


def test_a_student_given_by_width_is_a_family_of_its_own():
    rows = (
        samples.cell(BASE, ratio_target=np.nan),
        samples.cell(BASE + 0.01 + OTHER, method="abkd", ratio_target=np.nan),
    )
    table = compared(*rows, samples.cell(BASE))
    assert len(table) == 3
    assert table.loc["abkd", "verdict"] == "better"


def test_a_method_that_some_seeds_skip_has_no_mean_and_no_verdict():
    """Which seeds it applies to hangs on the labels that they draw: they are no fair sample."""
    some = samples.cell(BASE + 0.1, method="lsp-rbf")
    for row in some[7:]:
        row |= {"status": "skipped", "reason": "no edge joins two distilled nodes", "test": None}
    parts = samples.cell(BASE), samples.cell(BASE + OTHER, method="abkd"), some
    table, shown = compared(*parts, minimum_seeds=7), column(*parts, minimum_seeds=7).cells["lsp-rbf"]
    assert table.loc["lsp-rbf", "verdict"] == "failed: 3 of 10 skipped"
    assert table.loc["lsp-rbf", ["mean", "p", "p_holm"]].isna().all()
    assert table.loc["abkd", "p_holm"] == min(1, 2 * table.loc["abkd", "p"]), "it was a hypothesis"
    assert (shown.text, shown.bold) == ("skipped 3/10", False)
    assert shown.note == "no edge joins two distilled nodes"
