"""From rows of runs to verdicts: pairing, failures, directions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports import cells, ranking, sentences, statistics
from reports.comparisons import COLUMNS, compare
from reports.results import Results, architecture, families, prepare
from reports.rows import RUN_COLUMNS
from reports.settings import Settings
from tests.unit import report_samples as samples

NOISE = np.array([0.011, -0.004, 0.007, -0.012, 0.002, 0.009, -0.008, 0.001, -0.006, 0.0])
OTHER = np.array([0.003, 0.001, -0.002, 0.004, -0.003, 0.0, 0.002, -0.001, -0.004, 0.001])
BASE = 0.8 + NOISE


def results(runs: pd.DataFrame, settings: Settings) -> Results:
    ready = prepare(runs)
    empty = pd.DataFrame()
    return Results(ready, empty, empty, empty, {}, families(ready, settings))


def compared(*parts, **changes) -> pd.DataFrame:
    settings = Settings.parse(samples.settings(**changes))
    return compare(results(samples.frame(*parts), settings), settings).set_index("method")


def column(*parts, **changes) -> cells.Column:
    settings = Settings.parse(samples.settings(**changes))
    found = results(samples.frame(*parts), settings)
    return cells.column(found, found.families[0], settings)


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
        "fitnet": "no difference",
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
    assert table.loc["abkd", "verdict"] == "no verdict: the reference failed: 1 of 10 diverged"
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
    assert (row["p"], row["wilcoxon_p"], row["verdict"]) == (1, 1, "no difference")
    assert row["probability_of_improvement"] == 0.5


def test_a_family_without_its_reference_has_no_test():
    table = compared(samples.cell(BASE, method="abkd"), samples.cell(BASE, method="at"))
    assert set(table["verdict"]) == {"too few seeds"}
    assert (table["n"] == 0).all()


def test_a_method_absent_at_one_ratio_is_a_dash_there():
    parts = [
        samples.cell(BASE),
        samples.cell(BASE, method="abkd"),
        samples.cell(BASE, student="gcn-2x8", ratio_target=80.0, ratio=79.0),
    ]
    settings = Settings.parse(samples.settings())
    (block,) = cells.blocks(results(samples.frame(*parts), settings), settings)
    assert [each.size for each in block.columns] == ["40×", "80×"]
    assert "abkd" in block.methods
    assert "abkd" not in block.columns[1].cells


def test_a_student_given_by_width_is_a_family_of_its_own():
    rows = (
        samples.cell(BASE, ratio_target=np.nan),
        samples.cell(BASE + 0.01 + OTHER, method="abkd", ratio_target=np.nan),
    )
    table = compared(*rows, samples.cell(BASE))
    assert len(table) == 3
    assert table.loc["abkd", "verdict"] == "better"


def test_teachers_stand_in_the_table_but_never_win():
    shown = column(samples.cell(BASE), samples.teacher_rows(BASE + 0.1))
    assert list(shown.cells) == ["teacher", "kd"]
    assert not shown.cells["teacher"].bold
    assert shown.cells["kd"].bold


def test_bold_is_the_best_and_its_equals():
    shown = column(
        samples.cell(BASE),
        samples.cell(BASE + 0.01 + OTHER, method="abkd"),
        samples.cell(BASE + 0.01 + OTHER[::-1], method="stride"),
        samples.cell(BASE - 0.01 + OTHER, method="at"),
    )
    assert {label for label, cell in shown.cells.items() if cell.bold} == {"abkd", "stride"}
    assert {label: cell.arrow for label, cell in shown.cells.items()} == {
        "kd": "",
        "at": "down",
        "abkd": "up",
        "stride": "up",
    }


def test_arrows_compare_with_kd_whatever_the_reference():
    parts = (
        samples.cell(BASE),
        samples.cell(BASE - 0.02 + OTHER, method="supervised"),
        samples.cell(BASE, method="abkd"),
    )
    shown = column(*parts, reference="supervised")
    assert shown.cells["supervised"].arrow == "down"
    assert shown.cells["abkd"].arrow == ""
    assert compared(*parts, reference="supervised").loc["abkd", "verdict"] == "better"


def test_printed_cells_are_percent_with_two_decimals():
    assert column(samples.cell([0.8, 0.82])).cells["kd"].text == "81.00 ± 1.41"


def test_duplicates_unknown_words_and_missing_columns_are_refused():
    with pytest.raises(ValueError, match="more than one row"):
        prepare(samples.frame(samples.cell(BASE), samples.cell(BASE)))
    with pytest.raises(ValueError, match="unknown status"):
        prepare(samples.frame(samples.cell([0.8], status="fine")))
    with pytest.raises(ValueError, match="unknown metric"):
        prepare(samples.frame(samples.cell([0.8], metric="f1")))
    with pytest.raises(ValueError, match="missing columns"):
        prepare(samples.frame(samples.cell([0.8])).drop(columns="valid"))
    with pytest.raises(ValueError, match="unknown keys"):
        Settings.parse({"refrence": "kd"})
    assert len(RUN_COLUMNS) == 26


def test_an_architecture_is_a_student_without_its_width():
    names = {"gcn-2x16": "gcn-2", "mol-gin-2x8": "mol-gin-2", "smallx16": "small", "mixer": "mixer", "x4": "x4"}
    assert {name: architecture(name) for name in names} == names


def many_datasets(count: int) -> pd.DataFrame:
    parts = []
    for number in range(count):
        for place, method in enumerate(("kd", "abkd", "at")):
            parts.append(samples.cell(BASE - 0.05 * place, method=method, dataset=f"data-{number:02d}"))
    return samples.frame(*parts)


def test_ranks_use_one_row_a_dataset():
    settings = Settings.parse(samples.settings())
    few = ranking.rank(prepare(many_datasets(5)), settings)
    assert few.ranks.to_dict() == {"kd": 1, "abkd": 2, "at": 3}
    assert (few.datasets, few.enough) == (5, False), "50 rows, but five datasets"
    many = ranking.rank(prepare(many_datasets(12)), settings)
    assert many.enough
    # Friedman with equal ranks everywhere: chi2 = 12 N / (k (k + 1)) sum (R - 2)^2 = 24 on 2 degrees of freedom.
    assert many.friedman_p == pytest.approx(np.exp(-12))
    assert many.nemenyi.loc["kd", "at"] < 0.05


def test_more_ratios_do_not_make_more_datasets():
    runs = many_datasets(6)
    # At the second ratio the order of kd and abkd is reversed: their mean ranks tie, and at stays last.
    other = runs.assign(student="gcn-2x8", ratio_target=80.0, ratio=79.0)
    other["test"] += 0.1 * (other["method"] == "abkd")
    found = ranking.rank(prepare(pd.concat([runs, other])), Settings.parse(samples.settings()))
    assert found.datasets == 6
    assert found.ranks.to_dict() == {"kd": 1.5, "abkd": 1.5, "at": 3}


def test_an_incomplete_method_is_not_ranked():
    runs = many_datasets(5)
    runs.loc[(runs["method"] == "at") & (runs["dataset"] == "data-03") & (runs["seed"] == 4), "status"] = "diverged"
    found = ranking.rank(prepare(runs), Settings.parse(samples.settings()))
    assert found.dropped == ["at"]
    assert list(found.ranks.index) == ["kd", "abkd"]


def test_ranks_turn_round_for_errors():
    runs = many_datasets(5).assign(metric="rmse")
    assert ranking.rank(prepare(runs), Settings.parse(samples.settings())).ranks["at"] == 1


def test_the_summary_says_what_the_tests_say():
    settings = Settings.parse(samples.settings())
    found = results(
        samples.frame(
            samples.cell(BASE),
            samples.cell(BASE + 0.01 + OTHER, method="stride"),
            samples.cell(BASE + OTHER, method="abkd"),
            samples.cell(BASE - 0.02 + OTHER, method="supervised"),
        ),
        settings,
    )
    family = found.families[0]
    words = sentences.family_statement(
        found, family, compare(found, settings), cells.column(found, family, settings), settings
    )
    assert words.where == "At 40× (gcn-3x256 → gcn-2x16)"
    text = " ".join(words.sentences)
    assert "1 of 2 tested methods beats KD significantly: STRIDE." in text
    assert "ABKD does not differ significantly from KD (difference +0.01 points, 95 % interval [" in text
    assert "Supervised is worse than KD" in text
    assert "Best mean: STRIDE 81.01 ± 0.75" in text


def first_sentence(*rows):
    settings = Settings.parse(samples.settings())
    found = results(samples.frame(*rows), settings)
    family = found.families[0]
    comparisons = compare(found, settings)
    column = cells.column(found, family, settings)
    return sentences.family_statement(found, family, comparisons, column, settings).sentences[0]


def test_why_nothing_was_tested_is_said_in_words():
    few = first_sentence(samples.cell(BASE[:3]), samples.cell(BASE[:3], method="abkd"))
    assert few == "No test: a p-value needs 10 seeds that both methods have, and there are 3."
    floor = first_sentence(samples.cell(BASE), samples.cell(BASE - 0.1 + OTHER, method="supervised"))
    assert floor == "No test: no method beside KD was run here."
    lost = samples.cell([np.nan] * 10, method="abkd", status="oom", reason="memory")
    assert first_sentence(samples.cell(BASE), lost) == "No test: every method failed or was skipped."


def test_no_test_across_datasets_on_single_seeds():
    runs = many_datasets(12)
    assert ranking.rank(prepare(runs), Settings.parse(samples.settings())).enough
    single = runs[runs["seed"] == runs["seed"].min()]
    found = ranking.rank(prepare(single), Settings.parse(samples.settings()))
    assert not found.enough and np.isnan(found.friedman_p)
