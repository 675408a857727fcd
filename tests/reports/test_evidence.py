"""Every test of a cell, against scipy and statsmodels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports import comparisons, evidence
from tests.reports import samples
from tests.reports.samples import BASE, NOISE, OTHER

CLOSE = 0.003 * np.array([1, -1.1, 2, 1.3, 0.5, -0.2, 1.5, 0.9, -0.3, 1.2])


def found():
    return samples.findings(
        samples.cell(BASE),
        samples.cell(BASE + CLOSE, method="abkd"),
        samples.cell(BASE + 0.01 + OTHER, method="stride"),
        samples.cell(BASE - 0.002 + NOISE[::-1] / 4, method="supervised"),
        samples.cell([np.nan] * 10, method="at", status="failed", reason="boom"),
        samples.cell([np.nan] * 10, method="gcrd", status="skipped", reason="no edges"),
        samples.teacher_rows(BASE + 0.05),
    )


def of_reference() -> dict[str, list[evidence.Evidence]]:
    findings = found()
    (family,) = findings.results.families
    return evidence.of_family(findings.attempts[family], findings.comparisons[family], 1, findings.settings)


def test_each_p_value_is_that_of_a_library():
    made = of_reference()
    assert made.keys() == {"abkd", "stride", "supervised"}, "what failed or was skipped has no test"
    t, wilcoxon, flips = made["abkd"]
    differences = (BASE + CLOSE) - BASE
    assert t.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert wilcoxon.p == pytest.approx(stats.wilcoxon(np.round(differences, 12), method="exact").pvalue)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1)
    means = np.round(np.abs(signs.T @ np.round(differences, 12)), 10)
    assert flips.p == pytest.approx(np.mean(means >= np.round(abs(differences.sum()), 10)))


def test_holm_counts_what_failed_and_leaves_out_what_was_skipped():
    made = of_reference()
    for place in range(3):
        labels = sorted(made)
        raw = [made[label][place].p for label in labels]
        expected = multipletests([*raw, 1.0], method="holm")[1]
        assert [made[label][place].p_holm for label in labels] == pytest.approx(list(expected[:-1]))


def test_the_first_test_is_that_of_the_verdicts():
    findings = found()
    (family,) = findings.results.families
    for rows in (findings.comparisons[family], findings.gains[family]):
        made = evidence.of_family(findings.attempts[family], rows, 1, findings.settings)
        assert len(made) == 3
        for row in rows:
            if row.method in made:
                assert made[row.method][0].p_holm == pytest.approx(row.p_holm)


def test_without_a_verdict_there_is_no_evidence():
    findings = samples.findings(samples.cell(BASE[:3]), samples.cell(BASE[:3], method="abkd"))
    (family,) = findings.results.families
    rows = findings.comparisons[family]
    assert evidence.of_family(findings.attempts[family], rows, 1, findings.settings) == {}


def test_seeds_of_its_own_have_welchs_test_alone():
    findings = found()
    (family,) = findings.results.families
    attempts = dict(findings.attempts[family])
    attempts["abkd"] = replace(attempts["abkd"], paired=False)
    compared = comparisons.compare(attempts, 1, findings.settings)
    made = evidence.of_family(attempts, compared, 1, findings.settings)
    ((test, p, p_holm),) = made["abkd"]
    assert test == "Welch's t"
    assert p == pytest.approx(stats.ttest_ind(BASE + CLOSE, BASE, equal_var=False).pvalue)
    assert p_holm == pytest.approx(next(row.p_holm for row in compared if row.method == "abkd"))
    assert [each.test for each in made["stride"]] == ["Paired t", "Wilcoxon", "Sign flips"]
