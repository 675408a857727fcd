"""The same verdicts by other tests, corrections and subsets of seeds; and what the tests keep to under the null."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports import formats, latex, sensitivity, statistics, tables
from tests.reports import samples
from tests.reports.samples import BASE, NOISE, OTHER, spread


def rows(*parts, **changes) -> dict[str, sensitivity.Row]:
    (found,) = sensitivity.rows(samples.findings(*parts, **changes)).values()
    return {row.method: row for row in found}


def test_a_large_difference_is_one_by_every_test_and_without_any_seed():
    found = rows(
        samples.cell(BASE),
        samples.cell(BASE + 0.05 + OTHER, method="abkd"),
        samples.cell(BASE - 0.05 + OTHER, method="at"),
    )
    assert list(found) == ["at", "abkd"]
    for label, sign in (("abkd", "+"), ("at", "−")):
        row = found[label]
        assert (row.main, row.raw, row.hochberg, row.wilcoxon, row.flips, row.median) == (sign,) * 6
        assert (row.left_out, row.n, row.stable) == (10, 10, True)
        assert row.needed is not None
        assert row.needed <= 3


def test_a_difference_of_one_seed_is_told():
    """Nine seeds say nothing, the tenth all: the t-test finds nothing, and neither does a rank test."""
    jump = np.zeros(10)
    jump[3] = 0.2
    found = rows(samples.cell(BASE), samples.cell(BASE + jump + OTHER, method="abkd"))["abkd"]
    assert found.main == "0"
    assert found.median == "0+−"[int(np.sign(np.median(jump + OTHER)))]


def test_a_verdict_that_hangs_on_the_correction():
    """Raw p of about .02 in a family of four: Holm says no, no correction says yes."""
    parts = [samples.cell(BASE), samples.cell(BASE + 0.0088 + spread(4), method="abkd")]
    parts += [samples.cell(BASE + OTHER * sign, method=label) for label, sign in (("at", 1), ("fitnet", -1))]
    parts += [samples.cell(BASE + NOISE, method="gcrd")]
    row = rows(*parts)["abkd"]
    p = statistics.paired_t(BASE + 0.0088 + spread(4), BASE).p
    assert 0.0125 < p < 0.05
    assert (row.main, row.raw) == ("0", "+")
    assert not row.stable
    assert row.detectable == pytest.approx(0.01 * 0.9997, rel=0.01)


def test_a_failed_method_counts_in_every_correction_and_has_no_row():
    parts = [samples.cell(BASE), samples.cell(BASE + 0.0082 + spread(1), method="abkd")]
    assert 0.025 < statistics.paired_t(BASE + 0.0082 + spread(1), BASE).p < 0.05
    alone = rows(*parts)["abkd"]
    assert (alone.main, alone.hochberg) == ("+", "+")
    failed = samples.cell(BASE, method="at")
    failed[0] |= {"status": "diverged", "reason": "a loss", "test": None}
    beside = rows(*parts, failed)
    assert list(beside) == ["abkd"]
    assert (beside["abkd"].main, beside["abkd"].raw, beside["abkd"].hochberg) == ("0", "+", "0")


def test_every_column_is_its_own_test_and_correction():
    """Five methods around the level, each verdict by scipy and statsmodels; seeds left out one by one."""
    effects = {"abkd": 0.0125, "at": 0.0102, "fitnet": 0.0085, "gcrd": 0.0079, "lsp-rbf": -0.006}
    scores = {name: BASE + effect + spread(place) for place, (name, effect) in enumerate(effects.items())}
    found = rows(samples.cell(BASE), *(samples.cell(own, method=name) for name, own in scores.items()))
    differences = np.round([own - BASE for own in scores.values()], 12)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1)

    def flipped(own: np.ndarray) -> float:
        return float(np.mean(np.round(np.abs(own @ signs), 10) >= np.round(abs(own.sum()), 10)))

    def said(p: list[float], method: str) -> list[str]:
        adjusted = multipletests(p, method=method)[1] if method else np.array(p)
        return ["0" if p > 0.05 else "−+"[int(own.mean() > 0)] for p, own in zip(adjusted, differences, strict=True)]

    t = [stats.ttest_1samp(own, 0).pvalue for own in differences]
    expected = {
        "main": said(t, "holm"),
        "raw": said(t, ""),
        "hochberg": said(t, "fdr_bh"),
        "wilcoxon": said([stats.wilcoxon(own, method="exact").pvalue for own in differences], "holm"),
        "flips": said([flipped(own) for own in differences], "holm"),
    }
    for column, signs_of_all in expected.items():
        assert [getattr(found[name], column) for name in effects] == signs_of_all, column
    assert len({tuple(column) for column in expected.values()}) >= 3, "columns that say the same are told by no test"
    kept = [np.delete(differences, seed, axis=1) for seed in range(10)]
    without = [multipletests(stats.ttest_1samp(each, 0, axis=1).pvalue, method="holm")[1] <= 0.05 for each in kept]
    same = np.sum([each == (np.array(expected["main"]) != "0") for each in without], axis=0)
    assert [found[name].left_out for name in effects] == same.tolist()
    assert min(same) < 10


def test_a_test_that_can_find_nothing_says_so():
    """Ten seeds leave 2 / 2^10 as the smallest p of tests that count signs; 26 methods make .0508 of it."""
    parts = [samples.cell(BASE), samples.cell(BASE + 0.05 + OTHER, method="abkd")]
    few = [samples.cell(BASE + OTHER * place, method=f"m{place:02}") for place in range(24)]
    assert (rows(*parts, *few)["abkd"].wilcoxon, rows(*parts, *few)["abkd"].flips) == ("+", "+")
    many = [*parts, *few, samples.cell(BASE - OTHER, method="m24")]
    row = rows(*many)["abkd"]
    assert (row.main, row.wilcoxon, row.flips, row.stable) == ("+", "n/a", "n/a", True)
    frame = sensitivity.frame(samples.findings(*many)).set_index("method").loc["abkd"]
    assert (frame["main"], frame["wilcoxon"], frame["median"]) == ("better", "", "better")


def test_no_verdict_no_rows_and_no_table():
    few = samples.findings(samples.cell(BASE[:4]), samples.cell(BASE[:4] + 0.1, method="abkd"))
    assert sensitivity.tables(few) == []
    assert sensitivity.frame(few).empty


def test_the_table_in_every_format():
    found = samples.findings(samples.cell(BASE), samples.cell(BASE + 0.05 + OTHER, method="abkd"))
    (table,) = sensitivity.tables(found)
    assert len(table.rows[0]) == len(table.headings)
    assert table.rows[0][:3] == ["ABKD", "+", "+"]
    made = tables.of_families("sensitivity", "Sensitivity", [table], sensitivity.LEGEND, sensitivity.frame(found))
    assert "| ABKD" in formats.markdown(made.grids, made.legend)
    assert r"\caption" in latex.document(made.grids, made.legend)
    assert sensitivity.frame(found)["stable"].tolist() == [True]


@pytest.mark.parametrize("methods", [3, 12])
def test_family_wise_error_and_power(methods):
    """Under the null at most 5 % of families claim anything; at one paired standard deviation most find it."""
    random = np.random.default_rng(methods)
    trials, seeds = 600, 10
    claims = finds = 0
    for _ in range(trials):
        reference = random.normal(size=seeds)
        noise = random.normal(size=(methods, seeds))
        raw = [statistics.paired_t_p(reference + own, reference) for own in noise]
        claims += bool((statistics.holm(raw) <= 0.05).any())
        noise[0] += 1.0
        raw[0] = statistics.paired_t_p(reference + noise[0], reference)
        finds += bool(statistics.holm(raw)[0] <= 0.05)
    assert claims / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)
    # One test finds it with power .80; Holm's first step is a test at level .05 / methods.
    expected = {3: 0.60, 12: 0.32}[methods]
    assert finds / trials == pytest.approx(expected, abs=0.07)


def test_other_numbers_of_seeds_are_counted_for_each_method():
    """Ten seeds of one method are no bound for another, which has twenty."""
    twice, noise = np.concatenate([BASE, BASE + 0.001]), np.concatenate([OTHER, OTHER[::-1]])
    found = rows(
        samples.cell(twice),
        samples.cell(twice + 0.05 + noise, method="abkd"),
        samples.cell(BASE + 0.05 + OTHER, method="at"),
    )
    assert [(found[label].left_out, found[label].n) for label in ("abkd", "at")] == [(20, 20), (10, 10)]


def test_seeds_of_ones_own_count_with_their_own_p():
    """Not with p = 1, under which Benjamini and Hochberg's correction said something else than the main test."""
    parts = samples.cell(BASE), samples.cell(BASE + 0.0084 + spread(4), method="abkd")
    row = rows(*parts, samples.cell(BASE + 0.15, method="added"), unpaired=["added"])["abkd"]
    p = statistics.paired_t(BASE + 0.0084 + spread(4), BASE).p
    assert 0.025 < p < 0.05
    assert (row.main, row.hochberg) == ("+", "+")


def test_a_seed_without_which_there_is_no_test_leaves_no_verdict():
    parts = samples.cell([0.70, 0.72]), samples.cell([0.70, 0.82], method="abkd")
    row = rows(*parts, minimum_seeds=2)["abkd"]
    assert (row.main, row.left_out) == ("0", 2)
