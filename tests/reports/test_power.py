"""Power against Cohen's tables, statsmodels and a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from reports import power


def test_cohens_table():
    # Cohen 1988: a paired test of medium size (.5) at level .05 reaches power .8 with 34 pairs.
    assert power.seeds_needed(0.5, 1.0) == 34
    assert power.seeds_needed(0.8, 1.0) == 15
    assert power.seeds_needed(-0.2, 1.0) == 199


@pytest.mark.parametrize("pairs", [2, 10, 30])
@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0])
def test_power_is_that_of_statsmodels(effect, pairs):
    assert power.power(effect, pairs) == pytest.approx(TTestPower().power(effect, pairs, 0.05), abs=1e-6)


def test_ten_seeds_find_one_standard_deviation_four_times_in_five():
    assert power.power(1.0, 10) == pytest.approx(0.80, abs=0.01)
    random = np.random.default_rng(0)
    drawn = random.normal(1.0, 1.0, (4000, 10))
    found = (stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean()
    assert found == pytest.approx(power.power(1.0, 10), abs=0.02)


@pytest.mark.parametrize("pairs", [2, 3, 4, 6])
@pytest.mark.parametrize("effect", [3.0, 6.7, 30.0, 400.0])
def test_power_of_large_effects_is_that_of_a_simulation(effect, pairs):
    drawn = np.random.default_rng(0).normal(effect, 1.0, (20_000, pairs))
    found = (stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean()
    assert found == pytest.approx(power.power(effect, pairs), abs=0.015)


def test_seeds_needed_of_large_effects():
    """Where scipy's noncentral t distribution is no number: two seeds find an effect of 6.7 every other time."""
    assert [power.seeds_needed(effect, 1.0) for effect in (3.0, 4.0, 6.7, 10.0, 100.0)] == [4, 3, 3, 3, 2]


def test_the_smallest_difference_is_found_with_the_wanted_power():
    smallest = power.minimum_detectable(0.02, 10)
    assert power.power(smallest / 0.02, 10) == pytest.approx(0.8, abs=1e-6)
    assert smallest == pytest.approx(0.02 * 0.9997, rel=0.01)
    assert np.isnan(power.minimum_detectable(0.0, 10)), "no spread, as of equal scores, foretells nothing"
    assert np.isnan(power.minimum_detectable(np.nan, 10))
    assert np.isnan(power.minimum_detectable(0.1, 1))


def test_no_number_of_seeds_finds_nothing():
    assert power.seeds_needed(0.0, 1.0) is None
    assert power.seeds_needed(0.001, 1.0) is None
    assert power.seeds_needed(0.0219, 1.0) is None, "16,368, above the most that is told"
    assert power.seeds_needed(0.0281, 1.0) == pytest.approx(9943, abs=20)
    assert power.seeds_needed(np.nan, 1.0) is None
    assert power.seeds_needed(0.1, 0.0) == 2
