"""Sign flips, interquartile means, profiles and bootstrap intervals against numbers by hand and slow references."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reports import resampling, statistics
from tests.reports.test_statistics import DRUG_1, DRUG_2


def by_hand(differences: np.ndarray) -> float:
    """All signs, one after the other."""
    observed = abs(differences.sum()) - 1e-9
    signs = list(itertools.product((-1, 1), repeat=len(differences)))
    return sum(abs(float(np.dot(sign, differences))) >= observed for sign in signs) / len(signs)


def test_fishers_test_of_darwins_maize():
    # Fisher 1935, section 21: of the 2^15 signs of Darwin's fifteen differences (in eighths of an inch), 863 give a sum
    # as large as 314 or larger, and as many one as small as its negative: p = 1726 / 32768.
    maize = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], float)
    assert by_hand(maize) == pytest.approx(1726 / 32768)
    assert resampling.sign_flip(maize, np.zeros(15)) == pytest.approx(1726 / 32768, abs=0.004)


@pytest.mark.parametrize("seed", range(5))
def test_up_to_thirteen_pairs_it_is_exact(seed):
    random = np.random.default_rng(seed)
    differences = random.integers(-4, 6, 3 + 2 * seed).astype(float)
    if not differences.any():
        differences[0] = 1.0
    assert resampling.sign_flip(differences, np.zeros(len(differences))) == pytest.approx(by_hand(differences))


def test_students_sleep_data_and_the_limits_of_the_test():
    assert resampling.sign_flip(DRUG_1, DRUG_2) == pytest.approx(by_hand(DRUG_1 - DRUG_2))
    assert resampling.sign_flip(DRUG_1, DRUG_1) == 1
    assert resampling.sign_flip(np.zeros(4), np.zeros(4)) == 1
    assert np.isnan(resampling.sign_flip(DRUG_1[:1], DRUG_2[:1]))
    # Five differences of one sign: only their negatives are as far from 0.
    assert resampling.sign_flip(np.arange(1.0, 6), np.zeros(5)) == pytest.approx(2 / 2**5)
    with pytest.raises(ValueError, match="differ in length"):
        resampling.sign_flip(DRUG_1, DRUG_2[:3])


def test_interquartile_mean_by_hand():
    assert resampling.interquartile_mean(np.array([0.0, 1, 2, 3, 4, 5, 6, 100])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert np.isnan(resampling.interquartile_mean(np.array([])))


def test_a_profile_counts_every_task_alike():
    tasks = [np.array([0.2, 0.6]), np.array([0.1, 0.1, 0.1, 0.9])]
    found = resampling.performance_profile(tasks, np.array([0.0, 0.15, 0.5, 0.95]))
    assert found == pytest.approx([1, (1 + 0.25) / 2, (0.5 + 0.25) / 2, 0])


def test_the_bootstrap_of_a_mean_has_its_standard_error():
    random = np.random.default_rng(3)
    tasks = [random.normal(0, 1, 40), random.normal(5, 1, 40)]
    draws = resampling.stratified_draws([40, 40])
    drawn = np.mean([task[draw].mean(1) for task, draw in zip(tasks, draws, strict=True)], axis=0)
    low, high = resampling.percentiles(drawn, 0.05)
    # Within tasks alone: the distance between the two means adds nothing.
    error = np.sqrt(sum(task.var() / 40 for task in tasks)) / 2
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert low < np.mean(tasks) < high
    again = resampling.stratified_draws([40, 40])
    assert all((one == other).all() for one, other in zip(draws, again, strict=True))


def test_shares_and_draws_say_the_same():
    (draw,) = resampling.stratified_draws([7], 50)
    scores = np.random.default_rng(0).normal(size=7)
    assert resampling.shares(draw) @ scores == pytest.approx(scores[draw].mean(1))


def test_wins_are_the_probability_of_improvement():
    random = np.random.default_rng(2)
    x, y = random.integers(0, 4, 6).astype(float), random.integers(0, 4, 5).astype(float)
    assert resampling.wins(x, y).mean() == pytest.approx(statistics.probability_of_improvement(x, y))


def slow_signed_rank(differences: np.ndarray, equivalence: float, draws: int, seed: int) -> np.ndarray:
    """The equations with loops: Benavoli et al. 2017, section 4.2."""
    random = np.random.default_rng(seed)
    z = [0.0, *differences]
    won = np.zeros(3)
    for _ in range(draws):
        weights = random.gamma([0.5] + [1.0] * len(differences))
        weights /= weights.sum()
        mass = np.zeros(3)
        for a, first in zip(weights, z, strict=True):
            for b, second in zip(weights, z, strict=True):
                mean = (first + second) / 2
                mass[1 if abs(mean) < equivalence else 2 if mean > 0 else 0] += a * b
        won[mass.argmax()] += 1
    return won / draws


@pytest.mark.parametrize("equivalence", [0.55, 1.05, 1.55])
def test_bayesian_signed_rank_by_its_equations(equivalence):
    found = resampling.bayesian_signed_rank(DRUG_2 - DRUG_1, equivalence)
    assert found == pytest.approx(slow_signed_rank(DRUG_2 - DRUG_1, equivalence, 4000, 1), abs=0.025)
    assert sum(found) == pytest.approx(1)


@pytest.mark.parametrize(("equivalence", "better"), [(0.5, 0.99982), (1.0, 0.93892), (1.5, 0.24502), (2.0, 0.04744)])
def test_bayesian_signed_rank_is_that_of_baycomp(equivalence, better):
    # baycomp 1.0.3: SignedRankTest.probs(drug 1, drug 2, equivalence, nsamples=50000, random_state=1)[2]
    assert resampling.bayesian_signed_rank(DRUG_2 - DRUG_1, equivalence)[2] == pytest.approx(better, abs=0.01)


def test_the_limits_of_the_bayesian_signed_rank_test():
    assert resampling.bayesian_signed_rank(np.zeros(10), 0.0) == pytest.approx((0.5, 0, 0.5))
    assert resampling.bayesian_signed_rank(np.zeros(10), 0.01) == (0, 1, 0)
    worse, same, better = resampling.bayesian_signed_rank(DRUG_2 - DRUG_1, 1.0)
    assert resampling.bayesian_signed_rank(DRUG_1 - DRUG_2, 1.0) == pytest.approx((better, same, worse))
    assert np.isnan(resampling.bayesian_signed_rank(np.ones(1), 0.1)).all()
