"""The main table: what is bold, which way arrows point, what is absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports import cells, statistics
from reports.attempts import Attempts
from reports.cells import Column
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE, OTHER

SETTINGS = Settings.model_validate(samples.settings())


def attempts(scores: dict[int, float]) -> Attempts:
    return Attempts(scores, len(scores), {}, "", False)


def column(*parts, **changes) -> Column:
    (shown,) = samples.findings(*parts, **changes).columns.values()
    return shown


def test_a_method_absent_at_one_ratio_is_a_dash_there():
    parts = [
        samples.cell(BASE),
        samples.cell(BASE, method="abkd"),
        samples.cell(BASE, student="gcn-2x8", ratio_target=80.0, ratio=79.0),
    ]
    (panel,) = samples.findings(*parts).panels
    assert [each.size for each in panel.columns] == ["40×", "80×"]
    assert "abkd" in panel.methods
    assert "abkd" not in panel.columns[1].cells


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


def test_bold_allows_for_a_best_that_was_chosen_by_its_scores():
    """Of equal methods, one is called worse than the best in at most one column of twenty."""
    random = np.random.default_rng(0)
    false = 0
    for _ in range(100):
        scores = random.normal(0.8, 0.01, (12, 10))
        found = {f"m{place}": attempts(dict(enumerate(own))) for place, own in enumerate(scores)}
        false += len(cells.bold(found, 1, SETTINGS)) < len(found)
    assert false <= 10, "Holm over the pairs of the best alone has 18"


def test_where_the_reference_is_the_best_its_arrows_decide():
    """Twenty methods just below it: by Holm over 210 pairs none is worse, over 20 all are."""
    random = np.random.default_rng(2)
    noise = random.normal(size=(20, 10))
    noise = 0.01 * (noise - noise.mean(1, keepdims=True)) / noise.std(1, ddof=1, keepdims=True)
    parts = [samples.cell(BASE)]
    parts += [samples.cell(BASE - 0.015 + own, method=f"m{place:02}") for place, own in enumerate(noise)]
    shown = column(*parts)
    assert {label for label, cell in shown.cells.items() if cell.bold} == {"kd"}
    assert {cell.arrow for label, cell in shown.cells.items() if label != "kd"} == {"down"}
    other = column(*parts, reference="m00")
    assert sum(cell.bold for cell in other.cells.values()) == 21


def test_a_failed_method_makes_no_other_less_bold():
    """Of two that differ by p = .03 one is bold; beside one that failed there are three pairs, and p is .09."""
    two = {"best": BASE + 0.0082 + samples.spread(1), "other": BASE}
    scores = {name: attempts(dict(enumerate(own))) for name, own in two.items()}
    assert 0.025 < statistics.paired_t(two["best"], two["other"]).p < 0.035
    assert cells.bold(scores, 1, SETTINGS) == {"best"}
    failed = replace(attempts(dict(enumerate(BASE - 0.1))), failures={"diverged": 1})
    assert cells.bold({**scores, "failed": failed}, 1, SETTINGS) == {"best", "other"}


def test_other_numbers_of_seeds_are_told():
    """As where runs of ten and of twelve seeds are merged."""
    shown = samples.findings(
        samples.cell([*BASE, 0.8, 0.81]),
        samples.cell(BASE + 0.01 + OTHER, method="abkd"),
        samples.cell(BASE + OTHER, method="at"),
        samples.cell(BASE[:3], method="lsp-rbf"),
    )
    assert shown.panels[0].notes == [
        "KD: 12 seeds where others have 10; differences and tests are of those that both methods have (40×)",
        "LSP (RBF): 3 seeds, too few for a test and for bold (40×)",
    ]
    assert not column(samples.cell(BASE), samples.cell(BASE + OTHER, method="at")).remarks


def test_seeds_that_are_others_are_told():
    moved = [{**row, "seed": row["seed"] + 7} for row in samples.cell(BASE + 0.1, method="abkd")]
    shown = samples.findings(samples.cell(BASE), samples.cell(BASE + OTHER, method="at"), moved)
    assert shown.panels[0].notes == [
        "ABKD: 3 of its 10 seeds are those of the others; differences and tests are of these (40×)"
    ]


def test_arrows_compare_with_the_reference():
    parts = (
        samples.cell(BASE),
        samples.cell(BASE - 0.02 + OTHER, method="supervised"),
        samples.cell(BASE, method="abkd"),
    )
    shown = column(*parts)
    assert shown.cells["supervised"].arrow == "down"
    assert shown.cells["abkd"].arrow == ""
    shown = column(*parts, reference="supervised")
    assert shown.cells["supervised"].arrow == ""
    assert shown.cells["abkd"].arrow == "up"


def test_printed_cells_are_percent_with_two_decimals():
    assert column(samples.cell([0.8, 0.82])).cells["kd"].text == "81.00 ± 1.41"


@pytest.mark.parametrize("reference", ["kd", "at"])
def test_what_is_better_on_the_shared_seeds_is_bold_too(reference):
    """By twenty seeds KD has the best mean; on the ten that both have ABKD beats it at each."""
    shown = column(
        samples.cell([*BASE, *(BASE + 0.06)]),
        samples.cell(BASE + 0.01 + OTHER / 10, method="abkd"),
        samples.cell(BASE - 0.1 + OTHER, method="at"),
        reference=reference,
    )
    assert {label for label, cell in shown.cells.items() if cell.bold} == {"kd", "abkd"}


def test_the_teacher_is_no_member_of_the_pairs_behind_bold(monkeypatch):
    parts = samples.cell(BASE), samples.cell(BASE + OTHER, method="at"), samples.teacher_rows(BASE + 0.1)
    found, members, holm = samples.findings(*parts, reference="at"), [], statistics.holm
    monkeypatch.setattr(statistics, "holm", lambda p: (members.append(len(p)), holm(p))[1])
    (family,) = found.results.families
    cells.bold(found.attempts[family], 1, found.settings)
    assert members == [1]


def test_a_note_names_the_student_where_several_have_its_size():
    failed = samples.cell(BASE)
    failed[0] |= {"status": "diverged", "reason": "a loss", "test": None}
    others = [row | {"student": "mlp-2x8"} for row in samples.cell(BASE)]
    (panel,) = samples.findings(failed, others).panels
    assert panel.notes == ["KD: diverged 1/10: a loss (gcn-3x256 → gcn-2x16 at 40×)"]
    (panel,) = samples.findings(failed).panels
    assert panel.notes == ["KD: diverged 1/10: a loss (40×)"]
