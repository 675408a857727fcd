"""The methods over all students at once, against numbers by hand and slow references."""

from __future__ import annotations

import re

import numpy as np
import pytest

from reports import aggregate, equivalence, resampling, statistics
from tests.reports import samples
from tests.reports.samples import BASE, OTHER

FLOOR = {"student": "gcn-2x16"}
SMALL = {"student": "gcn-2x8", "ratio_target": 80.0, "ratio": 79.0}


def study(**changes):
    """Two students: kd gains 2 and 4 points on every seed, abkd one on the first and none on the second."""
    return samples.findings(
        samples.teacher_rows(BASE + 0.1),
        samples.cell(BASE, method="supervised"),
        samples.cell(BASE + 0.02, method="kd"),
        samples.cell(BASE + 0.01, method="abkd"),
        samples.cell(BASE - 0.2, method="supervised", **SMALL),
        samples.cell(BASE - 0.16, method="kd", **SMALL),
        samples.cell(BASE - 0.2, method="abkd", **SMALL),
        **changes,
    )


def test_gains_are_over_the_floor_of_the_same_student():
    (tasks,) = aggregate.joined(study())
    assert (tasks.unit, tasks.base, tasks.dropped) == ("points", "supervised", [])
    assert list(tasks.gains) == ["kd", "abkd", "supervised"], "the best first"
    assert [task.mean() for task in tasks.gains["kd"]] == pytest.approx([2, 4])
    assert tasks.gains["kd"][0] == pytest.approx(100 * (BASE + 0.02 - BASE.mean()))


def test_standings_by_hand():
    (tasks,) = aggregate.joined(study())
    kd, abkd, floor = aggregate.standings(tasks, "kd", 0.05)
    assert kd.mean[0] == pytest.approx(3)
    everything = np.sort(100 * np.concatenate([BASE - BASE.mean() + 0.02, BASE - BASE.mean() + 0.04]))
    assert kd.iqm[0] == pytest.approx(everything[5:15].mean())
    assert kd.iqm[1] < kd.iqm[0] < kd.iqm[2]
    assert np.isnan(kd.improvement[0])
    wins = [statistics.probability_of_improvement(BASE + a, BASE + b) for a, b in ((0.01, 0.02), (0.0, 0.04))]
    assert abkd.improvement[0] == pytest.approx(np.mean(wins))
    assert abkd.improvement[1] <= abkd.improvement[0] <= abkd.improvement[2]
    assert floor.mean[0] == pytest.approx(0)


def test_the_interval_of_a_probability_is_that_of_a_slow_bootstrap():
    (tasks,) = aggregate.joined(study())
    abkd = aggregate.standings(tasks, "kd", 0.05)[1]
    draws, slow = tasks.draws("kd"), []
    for number in range(len(draws[0])):
        parts = [
            statistics.probability_of_improvement(own[draw[number]], other[draw[number]])
            for own, other, draw in zip(tasks.gains["abkd"], tasks.gains["kd"], draws, strict=True)
        ]
        slow.append(np.mean(parts))
    assert abkd.improvement[1:] == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_a_profile_is_that_of_its_definition_and_inside_its_band():
    (tasks,) = aggregate.joined(study())
    thresholds = np.linspace(-3, 6, 19)
    share, low, high = aggregate.profile(tasks, "kd", thresholds, 0.05)
    by_hand = [np.mean([np.mean(task > threshold) for task in tasks.gains["kd"]]) for threshold in thresholds]
    assert share == pytest.approx(by_hand)
    assert (low <= share + 1e-12).all() and (share <= high + 1e-12).all()


def test_the_matrix_is_complementary():
    labels, found = aggregate.matrix(study())
    assert labels == ["kd", "abkd", "supervised"]
    assert found + found.T == pytest.approx(np.ones((3, 3)))
    assert found[0, 2] == pytest.approx(
        np.mean([statistics.probability_of_improvement(BASE + gain, BASE) for gain in (0.02, 0.04)])
    )


def test_a_method_that_lacks_a_training_is_left_out_and_named():
    found = samples.findings(
        samples.cell(BASE, method="supervised"),
        samples.cell(BASE + 0.02),
        samples.cell([0.8] * 9, method="at"),
        samples.missing(1, 9, method="at"),
    )
    (tasks,) = aggregate.joined(found)
    assert tasks.dropped == ["at"]
    assert "lacks a training, or has one alone: AT." in aggregate.legend(found)


def test_errors_and_accuracies_are_not_joined():
    found = samples.findings(
        *(samples.cell(BASE + gain, method=method) for method, gain in (("supervised", 0), ("kd", 0.02))),
        *(
            samples.cell(2 - BASE - gain, method=method, dataset="esol", metric="rmse")
            for method, gain in (("supervised", 0), ("kd", 0.3))
        ),
    )
    points, errors = aggregate.joined(found)
    assert points.gains["kd"][0].mean() == pytest.approx(2)
    assert (errors.unit, errors.gains["kd"][0].mean()) == ("RMSE", pytest.approx(0.3))
    first, second = aggregate.grids(found)
    assert re.fullmatch(r"2\.00 \[\d\.\d\d, \d\.\d\d\]", first.rows[0][1])
    assert re.fullmatch(r"0\.300 \[0\.\d{3}, 0\.\d{3}\]", second.rows[0][1]), "errors have three decimals"
    assert len(aggregate.matrix_grids(found)) == 1


def test_without_a_floor_gains_are_over_the_reference():
    found = samples.findings(samples.cell(BASE), samples.cell(BASE + 0.01, method="abkd"))
    assert [tasks.base for tasks in aggregate.joined(found)] == ["kd"]
    assert "over the mean of KD" in aggregate.legend(found)


def test_nothing_to_join_makes_no_table():
    found = samples.findings(samples.cell(BASE))
    assert aggregate.joined(found) == [] == aggregate.grids(found) == aggregate.matrix_grids(found)


def test_equivalence_in_words():
    found = samples.findings(
        samples.cell(BASE),
        samples.cell(BASE + 0.05 + OTHER, method="abkd"),
        samples.cell(BASE + OTHER / 10, method="at"),
        report={"equivalence": 0.01},
    )
    (family,) = found.results.families
    by_label = {own.method: own for own in equivalence.of_family(found, family)}
    assert {label: own.words for label, own in by_label.items()} == {"at": "equivalent", "abkd": "better"}
    assert by_label["abkd"].better == resampling.bayesian_signed_rank(0.05 + OTHER, 0.01)[2]
    (table,) = equivalence.grids(found)
    assert table.rows[-1] == ["ABKD", "0.00", "0.00", "1.00", "better"]
    wide = samples.findings(
        samples.cell(BASE), samples.cell(BASE + 0.05 + OTHER, method="abkd"), report={"equivalence": 0.1}
    )
    assert [own.words for own in equivalence.of_family(wide, family)] == ["equivalent"]
    assert "0.1 as stored" in equivalence.legend(wide)


def test_intervals_cover_the_chance_of_the_floor():
    """A floor that spreads by eight points, and a method that does not: what is gained is uncertain, too."""
    floor = BASE.mean() + 8 * (BASE - BASE.mean()) / BASE.std(ddof=1) / 100
    found = samples.findings(
        samples.cell(floor, method="supervised"), samples.cell(floor.mean() + 0.04 + OTHER / 100, method="kd")
    )
    (tasks,) = aggregate.joined(found)
    kd, none = aggregate.standings(tasks, "kd", 0.05)
    (row,) = (row for rows in found.gains.values() for row in rows if row.method == "kd")
    assert kd.mean[0] == pytest.approx(100 * row.difference)
    assert kd.mean[2] - kd.mean[1] == pytest.approx(100 * (row.ci_high - row.ci_low), rel=0.25)
    assert none.mean == (pytest.approx(0), pytest.approx(0), pytest.approx(0))


def test_the_interval_of_a_gain_is_that_of_a_slow_bootstrap():
    found = samples.findings(
        samples.cell(BASE, method="supervised"),
        samples.cell(BASE + 0.02 + 20 * OTHER, method="kd"),
        samples.cell(BASE - 0.2 + 5 * OTHER, method="supervised", **SMALL),
        samples.cell(BASE - 0.16, method="kd", **SMALL),
    )
    (tasks,) = aggregate.joined(found)
    kd = next(own for own in aggregate.standings(tasks, "kd", 0.05) if own.method == "kd")
    draws, slow = tasks.draws("kd"), []
    for number in range(len(draws[0])):
        paired = [
            own[draw[number]].mean() - floor[draw[number]].mean()
            for own, floor, draw in zip(tasks.gains["kd"], tasks.gains["supervised"], draws, strict=True)
        ]
        slow.append(np.mean(paired))
    assert kd.mean[1:] == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_the_interval_of_the_iqm_is_that_of_a_slow_bootstrap():
    """Method and floor drawn anew together, one draw after another."""
    own = BASE + 0.02 + 20 * OTHER
    (tasks,) = aggregate.joined(samples.findings(samples.cell(BASE, method="supervised"), samples.cell(own)))
    kd = next(row for row in aggregate.standings(tasks, "kd", 0.05) if row.method == "kd")
    (draws,), (gains,), (floor,) = tasks.draws("kd"), tasks.gains["kd"], tasks.gains["supervised"]
    slow = [resampling.interquartile_mean(gains[draw] - floor[draw].mean()) for draw in draws]
    assert kd.iqm[1:] == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_a_word_stands_only_where_a_posterior_is_sure():
    for better, word in ((0.96, "better"), (0.94, "undecided"), (0.8, "undecided")):
        rest = (1 - better) / 2
        assert equivalence.Posterior("kd", worse=rest, equivalent=rest, better=better).words == word


def test_a_single_training_has_no_interval():
    """Drawn again it is always itself: an interval of its gain would be the floor's alone."""
    found = samples.findings(
        samples.cell(BASE, method="supervised"), samples.cell(BASE + 0.02), samples.cell(BASE[:1] + 0.1, method="abkd")
    )
    (tasks,) = aggregate.joined(found)
    assert tasks.dropped == ["abkd"]
    assert "Left out, since some student lacks a training, or has one alone: ABKD." in aggregate.legend(found)
