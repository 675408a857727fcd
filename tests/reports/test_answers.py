"""The first sentences of the page, over one student and over several."""

from __future__ import annotations

import numpy as np

import methods
from reports import answers, page, sentences
from reports.figures.parts import series
from reports.settings import Settings
from tests.reports import samples
from tests.reports.samples import BASE, OTHER


def of(*parts, **changes) -> dict[str, str]:
    return dict(answers.answers(samples.findings(*parts, **changes)))


def students(*targets: float, **shifts: float):
    """Methods at some compressions: label -> shift from kd."""
    names = {label.replace("_", "-"): shift for label, shift in shifts.items()}
    return [
        samples.cell(
            BASE + shift + (OTHER if shift else 0), method=label, ratio_target=target, student=f"s-2x{target:g}"
        )
        for target in targets
        for label, shift in names.items()
    ]


def test_one_student_is_answered_by_names():
    told = of(*students(40.0, kd=0.0, stride=0.01, abkd=-0.02, supervised=-0.015), spotlight=["abkd"])
    assert told == {
        "Does anything beat no teacher?": "Yes: 2 of 3 tested methods: KD and STRIDE.",
        "Does anything beat KD?": "Yes: 1 of 2 tested methods: STRIDE.",
        "Where does ABKD stand?": "Worse than KD. Place by mean: 4 of 4.",
    }


def test_several_students_are_counted():
    parts = students(40.0, kd=0.0, stride=0.01, abkd=-0.02, supervised=-0.03)
    parts += students(80.0, kd=0.0, stride=-0.01, abkd=0.01, supervised=0.02)
    told = of(*parts, spotlight=["abkd", "absent"])
    assert told == {
        "Does anything beat no teacher?": (
            "Yes, for 1 of 2 students. 3 of 3 tested methods do for at least one (in brackets: for how many): "
            "KD (1), ABKD (1) and STRIDE (1). Each student's tests are corrected on their own."
        ),
        "Does anything beat KD?": (
            "Yes, for 2 of 2 students. 2 of 2 tested methods do for at least one (in brackets: for how many): "
            "STRIDE (1) and ABKD (1). Each student's tests are corrected on their own."
        ),
        "Where does ABKD stand?": (
            "Better than KD for 1 of 2 students and worse than KD for 1 of 2 students. "
            "Place by mean: 3 of 4 and 2 of 4."
        ),
    }


def test_controls_that_win_are_no_methods():
    stated = samples.settings(spotlight=[])
    stated["methods"]["longer"] = {"title": "Supervised, longer", "group": methods.describe("longer")["group"]}
    parts = students(40.0, kd=0.0, abkd=-0.02, longer=0.01, supervised=-0.015)
    found = samples.of_runs(samples.frame(*parts), Settings.parse(stated))
    told = dict(answers.answers(found))
    assert told["Does anything beat KD?"] == (
        "No: none of 1 tested methods, for the one student. Of the controls, Supervised, longer does."
    )
    assert told["Does anything beat no teacher?"] == (
        "Yes: 1 of 2 tested methods: KD. Of the controls, Supervised, longer does."
    )
    first = sentences.family_statement(found, found.results.families[0]).sentences
    assert first[1] == "None of 1 tested methods beat KD significantly. Of the controls, Supervised, longer does."
    alone = samples.of_runs(
        samples.frame(*students(40.0, kd=0.0, longer=0.01, supervised=-0.015)), Settings.parse(stated)
    )
    assert dict(answers.answers(alone))["Does anything beat KD?"] == (
        "Not known: none but controls were tested. Of the controls, Supervised, longer does."
    )
    _, second, *_ = sentences.family_statement(alone, alone.results.families[0]).sentences
    assert second == "None but controls were tested against KD. Of the controls, Supervised, longer does."
    parts += students(80.0, kd=0.0, longer=0.01, supervised=-0.015)
    found = samples.of_runs(samples.frame(*parts), Settings.parse(stated))
    assert dict(answers.answers(found))["Does anything beat KD?"] == (
        "No: none of 1 tested methods, for any of 2 students. Of the controls, Supervised, longer (2) does. "
        "Each student's tests are corrected on their own."
    )


def test_a_student_without_a_test_is_told():
    few = [samples.cell(BASE[:3], method=label, ratio_target=80.0) for label in ("kd", "abkd", "supervised")]
    told = of(*students(40.0, kd=0.0, abkd=-0.01, supervised=0.01), *few, spotlight=[])
    assert (
        told["Does anything beat KD?"]
        == "No: none of 1 tested methods, for the one student. For 1 student nothing was tested."
    )


def test_no_means_that_something_was_tested():
    assert (
        of(*students(40.0, kd=0.0, abkd=-0.01))["Does anything beat no teacher?"]
        == "Not known: Supervised was not run."
    )
    lost = samples.cell([np.nan] * 10, method="supervised", status="failed", reason="boom")
    told = of(*students(40.0, kd=0.0, abkd=-0.01), lost)["Does anything beat no teacher?"]
    assert told == "Not known: nothing was tested (why not, stands below)."


def test_where_no_teacher_is_the_reference_it_is_asked_once():
    parts = students(40.0, kd=0.01, abkd=0.0, supervised=-0.01)
    told = of(*parts, reference="supervised", spotlight=[])
    assert told == {"Does anything beat no teacher?": "Yes: 2 of 2 tested methods: KD and ABKD."}
    found = samples.findings(*parts, reference="supervised", spotlight=[])
    (family,) = found.results.families
    first = sentences.family_statement(found, family).sentences[0]
    assert first == "2 of 2 tested methods beat no teacher (Supervised, the reference) significantly: KD and ABKD."
    text = page.render(found, [])
    assert "better or worse than Supervised" in text and "Comparisons with Supervised" in text
    assert "better than KD" not in text and "with KD" not in text


def test_a_reference_that_was_not_run_is_said_so_and_compared_with_nothing():
    found = samples.findings(*students(40.0, stride=0.01, abkd=-0.02, supervised=-0.015))
    assert dict(answers.answers(found))["Does anything beat KD?"] == "Not known: KD was not run."
    (family,) = found.results.families
    assert {row.words for row in found.comparisons[family]} == {"no verdict: the reference KD was not run"}
    text = page.render(found, [])
    assert "The reference KD was not run, and nothing is compared with it" in text
    failed = samples.cell(BASE)
    failed[0] |= {"status": "diverged", "reason": "a loss", "test": None}
    text = page.render(samples.findings(failed, samples.cell(BASE + OTHER, method="abkd")), [])
    assert "The reference KD failed, and nothing is compared with it" in text
    assert "needs 10 seeds" not in text
    whole = [row | {"student": "mlp-2x8"} for row in samples.cell(BASE)]
    text = page.render(samples.findings(failed, whole, samples.cell(BASE + OTHER, method="abkd")), [])
    assert "compared with KD, paired by seed, except for 1 of 2 students, for which it failed; level" in text
    unfinished = [*samples.cell(BASE[:9]), *samples.missing(1, first=9)]
    text = page.render(samples.findings(unfinished, samples.cell(BASE + OTHER, method="abkd")), [])
    assert "The reference KD is unfinished, and nothing is compared with it" in text


def test_a_bold_that_most_share_is_told_in_words():
    noisy = [samples.cell(BASE + 0.001 * place + OTHER * place, method=f"m{place}") for place in range(1, 5)]
    found = samples.findings(samples.cell(BASE), *noisy, samples.cell(BASE - 0.2 + OTHER, method="supervised"))
    (family,) = found.results.families
    bold = sum(cell.bold for cell in found.columns[family].cells.values())
    told = sentences.crowded(found, family)
    assert told.startswith(
        f"Bold says little for gcn-2x16 at 40×: {bold} of 6 methods are not separable. 10 seeds show a difference of "
    )
    assert told in page.render(found, []).replace("&#39;", "'")
    clear = samples.findings(samples.cell(BASE), samples.cell(BASE + 0.1 + OTHER, method="abkd"))
    assert sentences.crowded(clear, clear.results.families[0]) == ""


def test_a_spotlit_teacher_has_no_place_among_students():
    told = of(samples.teacher_rows(BASE + 0.1), *students(40.0, kd=0.0, abkd=0.01), spotlight=["teacher", "abkd"])
    assert [question for question in told if question.startswith("Where")] == ["Where does ABKD stand?"]


def test_of_errors_the_least_is_best():
    shifts = {"kd": 0.0, "abkd": -0.05, "at": 0.05}
    found = samples.findings(*(samples.cell(BASE + by, method=name, metric="rmse") for name, by in shifts.items()))
    (family,) = found.results.families
    assert answers._place(found, family, "abkd") == (1, 3)
    points = series.points(found, {family: 1.0})
    assert series.best(points, found.metric(family), found.settings) == "abkd"
