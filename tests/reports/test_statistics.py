"""Every statistic against a printed or hand-computed number, and the properties that hold whatever the numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports import statistics

# Student (1908), "The probable error of a mean": extra hours of sleep under two drugs, ten patients.
DRUG_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
DRUG_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_paired_t_on_students_sleep_data():
    result = statistics.paired_t(DRUG_1, DRUG_2)
    assert result.n == 10
    assert result.t == pytest.approx(-4.0621, abs=5e-5)
    assert result.p == pytest.approx(0.002833, abs=5e-7)
    assert result.difference == pytest.approx(-1.58)
    assert (result.low, result.high) == pytest.approx((-2.4598858, -0.7001142), abs=5e-7)


@pytest.mark.parametrize(
    ("method", "reference"), [(DRUG_1, DRUG_2), (DRUG_1, DRUG_1), (DRUG_1 + 1, DRUG_1), (DRUG_1[:2], DRUG_2[:2])]
)
def test_the_p_value_alone_is_that_of_the_test(method, reference):
    assert statistics.paired_t_p(method, reference) == pytest.approx(statistics.paired_t(method, reference).p, rel=1e-9)
    assert np.isnan(statistics.paired_t_p(method[:1], reference[:1]))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_paired_t_is_that_of_scipy_to_the_bit(alpha):
    random = np.random.default_rng(0)
    for n in range(2, 15):
        method, reference = 0.8 + 0.02 * random.random((2, n))
        found, known = statistics.paired_t(method, reference, alpha), stats.ttest_rel(method, reference)
        assert (found.t, found.p) == (known.statistic, known.pvalue)
        assert (found.low, found.high) == tuple(known.confidence_interval(1 - alpha))


def test_paired_t_with_another_level_widens_the_interval():
    narrow, wide = statistics.paired_t(DRUG_1, DRUG_2, 0.05), statistics.paired_t(DRUG_1, DRUG_2, 0.01)
    assert wide.low < narrow.low < narrow.high < wide.high
    # t(.995, 9) = 3.2498 of any table; standard error = 1.58 / 4.0621
    assert wide.high - wide.difference == pytest.approx(3.2498 * 1.58 / 4.0621, rel=1e-4)


def test_paired_t_changes_sign_with_its_arguments():
    forth, back = statistics.paired_t(DRUG_1, DRUG_2), statistics.paired_t(DRUG_2, DRUG_1)
    assert (back.difference, back.low, back.high, back.t) == pytest.approx(
        (-forth.difference, -forth.high, -forth.low, -forth.t)
    )
    assert back.p == pytest.approx(forth.p)


def test_paired_t_ignores_the_order_of_pairs_and_a_common_shift():
    order = np.random.default_rng(0).permutation(10)
    shuffled = statistics.paired_t(DRUG_1[order] + 5, DRUG_2[order] + 5)
    assert shuffled.p == pytest.approx(statistics.paired_t(DRUG_1, DRUG_2).p)


def test_identical_arrays_show_no_difference():
    result = statistics.paired_t(DRUG_1, DRUG_1)
    assert (result.difference, result.low, result.high, result.p) == (0, 0, 0, 1)
    assert statistics.wilcoxon(DRUG_1, DRUG_1) == 1


def test_a_constant_difference_is_the_limit_of_the_test():
    scores = 0.8 + 0.01 * np.arange(10)
    result = statistics.paired_t(scores + 0.1, scores)  # unequal in the 17th digit
    assert result.p == 0
    assert result.t == np.inf
    assert result.low == result.high == pytest.approx(0.1)
    assert statistics.wilcoxon(scores + 0.1, scores) == pytest.approx(2 / 2**10, abs=2e-3)


@pytest.mark.parametrize("size", [0, 1])
def test_below_two_pairs_there_is_no_test(size):
    result = statistics.paired_t(DRUG_1[:size], DRUG_2[:size])
    assert np.isnan([result.p, result.low, result.high]).all()
    assert np.isnan(statistics.wilcoxon(DRUG_1[:size], DRUG_2[:size]))


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        statistics.paired_t(DRUG_1, DRUG_2[:5])


def test_mean_and_std_use_ddof_1():
    assert statistics.mean_and_std(np.array([2.0, 4, 4, 4, 5, 5, 7, 9])) == pytest.approx((5, np.sqrt(32 / 7)))
    assert np.isnan(statistics.mean_and_std(np.array([2.0]))[1])
    assert np.isnan(statistics.mean_and_std(np.array([]))[0])


def test_mean_interval_by_the_table_of_t():
    low, high = statistics.mean_interval(np.array([1.0, 2, 3, 4, 5]))
    half = 2.7764 * np.sqrt(2.5 / 5)  # t(.975, 4)
    assert (low, high) == pytest.approx((3 - half, 3 + half), abs=1e-4)


def test_wilcoxon_by_the_exact_table():
    # Ranks 1..8, negatives have ranks 1 and 2: W = 3; the table gives a two-sided exact p of 2 * 5 / 2^8.
    differences = np.array([-1.0, -2, 3, 4, 5, 6, 7, 8])
    assert statistics.wilcoxon(differences, np.zeros(8)) == pytest.approx(10 / 256)


@pytest.mark.parametrize("seed", range(6))
def test_wilcoxon_is_scipys(seed):
    random = np.random.default_rng(seed)
    # Ties and zeros, as accuracies on a small test set have.
    differences = random.integers(-3, 5, 4 + seed).astype(float)
    expected = stats.wilcoxon(differences, zero_method="pratt").pvalue
    assert statistics.wilcoxon(differences, np.zeros(len(differences))) == pytest.approx(expected)


def test_wilcoxon_of_many_pairs_ranks_zeros_too():
    """Beyond the exact table, by the normal approximation; without Pratt's zeros p would be .0144."""
    differences = np.array([0.0, 0, 0, 1, -2, 3, 4, -5, 6, 7, 8, 9, -1, 10, 11, 12])
    assert len(differences) > statistics.MOST_EXACT
    assert statistics.wilcoxon(differences, np.zeros(16)) == pytest.approx(0.01807, abs=5e-6)


def test_wilcoxon_cannot_go_below_its_floor():
    assert statistics.wilcoxon(np.arange(1.0, 6), np.zeros(5)) == pytest.approx(0.0625)
    assert statistics.wilcoxon(-np.arange(1.0, 6), np.zeros(5)) == pytest.approx(0.0625)


def test_holm_by_hand():
    # Sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04, then never falling: .02 .03 .06 .06.
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("size", [1, 2, 17])
def test_holm_is_that_of_statsmodels(size):
    raw = np.random.default_rng(size).random(size) ** 3
    raw[-1] = raw[0]
    assert statistics.holm(raw) == pytest.approx(multipletests(raw, method="holm")[1], rel=1e-12)


def test_holm_counts_a_test_that_could_not_be_made():
    adjusted = statistics.holm([0.01, np.nan, 0.03])
    assert adjusted[[0, 2]] == pytest.approx([0.03, 0.06])
    assert np.isnan(adjusted[1])
    assert len(statistics.holm([])) == 0


def test_welch_by_a_textbook():
    # Snedecor and Cochran, Statistical Methods, two samples of unequal variance; recomputed by Welch's formulas.
    one, other = np.array([20.0, 22, 19, 20, 22, 20, 24, 24]), np.array([28.0, 28, 20, 32, 30, 26])
    found = statistics.welch(one, other)
    variances = one.var(ddof=1) / 8, other.var(ddof=1) / 6
    t = (one.mean() - other.mean()) / np.sqrt(sum(variances))
    freedom = sum(variances) ** 2 / (variances[0] ** 2 / 7 + variances[1] ** 2 / 5)
    assert (found.n, found.t) == (6, pytest.approx(t))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), freedom))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(sum(variances))
    assert (found.low, found.high) == (pytest.approx(found.difference - half), pytest.approx(found.difference + half))


def test_the_limits_of_welchs_test():
    same = np.full(5, 0.8)
    assert statistics.welch(same, same[:4]).p == 1
    assert statistics.welch(same, same + 0.1).p == 0
    assert np.isnan(statistics.welch(same[:1], same).p)
    assert np.isnan(statistics.welch(same[:0], same).difference)


def test_probability_of_improvement_by_hand():
    # Pairs: 3 > 2, 3 = 3 (half), 1 < 2, 1 < 3 -> 1.5 of 4
    assert statistics.probability_of_improvement(np.array([3.0, 1]), np.array([2.0, 3])) == 1.5 / 4
    assert statistics.probability_of_improvement(DRUG_2, DRUG_2) == 0.5
    assert np.isnan(statistics.probability_of_improvement(DRUG_2, np.array([])))


def test_probability_of_improvement_is_complementary():
    forth = statistics.probability_of_improvement(DRUG_1, DRUG_2)
    assert forth + statistics.probability_of_improvement(DRUG_2, DRUG_1) == pytest.approx(1)


def test_gap_closed_by_hand_and_its_guard():
    floor, ceiling = np.array([0.70, 0.72, 0.71]), np.array([0.80, 0.82, 0.812])
    assert statistics.gap_closed((floor + ceiling) / 2, floor, ceiling).value == pytest.approx(0.5)
    assert statistics.gap_closed(floor, floor, ceiling) == (0, 0, 0)
    assert np.isnan(statistics.gap_closed(floor, floor, floor)).all()
    assert np.isnan(statistics.gap_closed(floor, ceiling, floor)).all(), "a teacher below the floor leaves no gap"
    noisy = np.array([0.60, 0.90, 0.75])
    assert np.isnan(statistics.gap_closed(floor, floor, noisy)).all(), "a teacher within the noise leaves no gap"
    assert np.isnan(statistics.gap_closed(floor[:1], floor[:1], ceiling[:1])).all()


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_interval_of_the_gap_closed_holds_the_shares_that_a_t_test_does_not_refuse(alpha):
    random = np.random.default_rng(3)
    floor = random.normal(0.7, 0.02, 10)
    ceiling, method = floor + random.normal(0.1, 0.03, 10), floor + random.normal(0.05, 0.02, 10)
    share = statistics.gap_closed(method, floor, ceiling, alpha)
    assert share.low < share.value < share.high
    for end in share[1:]:
        rest = (method - floor) - end * (ceiling - floor)
        assert stats.ttest_1samp(rest, 0).pvalue == pytest.approx(alpha)
    covered = 0
    for _ in range(400):
        floor = random.normal(0.7, 0.02, 10)
        ceiling, method = floor + random.normal(0.1, 0.03, 10), floor + random.normal(0.05, 0.02, 10)
        found = statistics.gap_closed(method, floor, ceiling, alpha)
        covered += found.low < 0.5 < found.high
    assert covered / 400 == pytest.approx(1 - alpha, abs=0.05)
