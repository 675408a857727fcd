"""Ranks across datasets, and whether there are enough of them for a test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports import ranking
from reports.results import prepare
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE


def many_datasets(count: int) -> pd.DataFrame:
    parts = []
    for number in range(count):
        for place, method in enumerate(("kd", "abkd", "at")):
            parts.append(samples.cell(BASE - 0.05 * place, method=method, dataset=f"data-{number:02d}"))
    return samples.frame(*parts)


def test_ranks_use_one_row_per_dataset():
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


def test_no_test_across_datasets_on_single_seeds():
    runs = many_datasets(12)
    assert ranking.rank(prepare(runs), Settings.parse(samples.settings())).enough
    single = runs[runs["seed"] == runs["seed"].min()]
    found = ranking.rank(prepare(single), Settings.parse(samples.settings()))
    assert not found.enough and np.isnan(found.friedman_p)


def test_critical_difference_by_demsars_table():
    # Demsar 2006: q(.05) = 2.728 for 5 classifiers, 3.031 for 8; on 30 data sets.
    assert ranking.critical_difference(5, 30) == pytest.approx(2.728 * np.sqrt(30 / 180), abs=1e-3)
    assert ranking.critical_difference(8, 5) == pytest.approx(3.031 * np.sqrt(72 / 30), abs=2e-3)


@pytest.mark.parametrize(
    ("methods", "datasets", "enough"), [(8, 5, False), (3, 4, False), (2, 50, False), (18, 9, False), (18, 12, True)]
)
def test_which_datasets_can_carry_a_test(methods, datasets, enough):
    assert ranking.carries(methods, datasets) is enough


def test_wilcoxon_across_datasets_with_holm_over_all_pairs():
    found = ranking.rank(prepare(many_datasets(12)), Settings.parse(samples.settings()))
    # The same order on all twelve datasets: every raw p is 2 / 2^12, times the three pairs of Holm's first step.
    assert found.wilcoxon.loc["kd", "at"] == pytest.approx(3 * 2 / 2**12)
    assert (np.diag(found.wilcoxon) == 1).all()
    assert found.one_unit


def test_pairwise_wilcoxon_is_that_of_scipy_and_statsmodels():
    random = np.random.default_rng(5)
    means = pd.DataFrame(random.normal([0, 0.2, 0.5, 1.5], size=(15, 4)), columns=list("abcd"))
    pairs = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    raw = [stats.wilcoxon(means[x], means[y], zero_method="pratt").pvalue for x, y in pairs]
    found = ranking.pairwise_wilcoxon(means)
    adjusted = multipletests(raw, method="holm")[1]
    assert [found.loc[pair] for pair in pairs] == pytest.approx(list(adjusted))
    assert (found == found.T).all().all()


def test_below_the_datasets_that_wilcoxon_needs_no_p_value_can_be_small():
    for methods in (3, 8, 18):
        pairs, needed = methods * (methods - 1) / 2, ranking.wilcoxon_needed(methods)
        assert pairs * 2 / 2**needed <= 0.05
        assert needed == 5 or pairs * 2 / 2 ** (needed - 1) > 0.05
    assert ranking.wilcoxon_needed(3) == 7
    found = ranking.rank(prepare(many_datasets(6)), Settings.parse(samples.settings()))
    assert found.wilcoxon.empty
    assert (found.wilcoxon_needed, found.needed) == (7, ranking.datasets_needed(3))
    assert ranking.carries(3, found.needed) and not ranking.carries(3, found.needed - 1)


def test_datasets_without_a_common_unit_are_not_ranked_together_by_size():
    runs = many_datasets(12)
    runs["metric"] = ["rmse" if name == "data-03" else "accuracy" for name in runs["dataset"]]
    found = ranking.rank(prepare(runs), Settings.parse(samples.settings()))
    assert not found.one_unit and found.wilcoxon.empty and found.enough


def test_all_tied_datasets_give_a_p_value_of_one():
    runs = many_datasets(12)
    runs["test"] = 0.8
    found = ranking.rank(prepare(runs), Settings.parse(samples.settings()))
    assert found.friedman_p == 1
    assert (found.wilcoxon == 1).all().all()
    assert found.nemenyi.to_numpy() == pytest.approx(1)


def test_variants_are_no_further_datasets():
    """`cora@5` and `cora@inductive` are the same nodes: they must not carry a test across datasets."""
    runs = many_datasets(12)
    runs["dataset"] = [f"cora@{1 + int(name.removeprefix('data-'))}" for name in runs["dataset"]]
    found = ranking.rank(prepare(runs), Settings.parse(samples.settings()))
    assert (found.datasets, found.enough) == (1, False)
    assert found.ranks.to_dict() == {"kd": 1, "abkd": 2, "at": 3}


def test_a_dataset_and_a_part_of_it_count_once():
    runs = pd.concat(
        [many_datasets(4), *(many_datasets(1).assign(dataset=name) for name in ("ace-sim", "ace-sim-mini"))]
    )
    assert ranking.rank(prepare(runs), Settings.parse(samples.settings())).datasets == 5


def test_why_there_is_no_test_is_what_is_missing():
    settings = Settings.parse(samples.settings())

    def told(runs: pd.DataFrame) -> str:
        return " ".join(ranking.told(ranking.rank(prepare(runs), settings), settings))

    runs = many_datasets(12)
    assert "Friedman's test over 12 datasets and 3 methods: p = 6.14e-06." in told(runs)
    assert told(runs[runs["seed"] < 5]) == "No test across datasets: some mean rests on fewer than 10 seeds."
    assert told(runs.assign(status="diverged", test=np.nan)) == "No test across datasets: no method can be ranked."
    assert "it takes 3 methods, and 2 can be ranked" in told(runs[runs["method"] != "at"])
    assert "Not enough datasets for a test across datasets: 4 with 3 methods" in told(many_datasets(4))


def test_ranks_of_a_datasets_students_are_ranked_again():
    """Means of ranks over the ratios of one dataset are no ranks: one dataset gives each method one."""
    order = {40.0: ("kd", "abkd", "at"), 80.0: ("kd", "at", "abkd"), 160.0: ("abkd", "kd", "at")}
    parts = [
        samples.cell(BASE - 0.05 * place, method=method, ratio_target=target, student=f"s-2x{target:g}")
        for target, methods in order.items()
        for place, method in enumerate(methods)
    ]
    found = ranking.rank(prepare(samples.frame(*parts)), Settings.parse(samples.settings()))
    assert found.ranks.to_dict() == {"kd": 1, "abkd": 2, "at": 3}
