"""The summary in words says what the tests say."""

from __future__ import annotations

import numpy as np
import pytest

from reports import sentences
from tests.reports import samples
from tests.reports.samples import BASE, OTHER


def first_sentence(*parts) -> str:
    found = samples.findings(*parts)
    return sentences.family_statement(found, found.results.families[0]).sentences[0]


def test_the_summary_says_what_the_tests_say():
    found = samples.findings(
        samples.cell(BASE),
        samples.cell(BASE + 0.01 + OTHER, method="stride"),
        samples.cell(BASE + OTHER, method="abkd"),
        samples.cell(BASE - 0.02 + OTHER, method="supervised"),
    )
    words = sentences.family_statement(found, found.results.families[0])
    assert words.where == "At 40× (gcn-3x256 → gcn-2x16)"
    text = " ".join(words.sentences)
    assert "1 of 2 tested methods beats KD significantly: STRIDE." in text
    assert "ABKD does not differ significantly from KD (difference +0.01 points, 95 % interval [" in text
    assert "Supervised is worse than KD" in text
    assert "Best mean: STRIDE 81.01 ± 0.75" in text


def test_the_first_sentence_is_about_no_teacher_and_the_second_about_the_reference():
    found = samples.findings(
        samples.cell(BASE),
        samples.cell(BASE + 0.01 + OTHER, method="stride"),
        samples.cell(BASE - 0.02 + OTHER, method="abkd"),
        samples.cell(BASE - 0.02 - OTHER, method="supervised"),
    )
    first, second, *_ = sentences.family_statement(found, found.results.families[0]).sentences
    assert first == "2 of 3 tested methods beat no teacher significantly: STRIDE and KD."
    assert second == "1 of 2 tested methods beats KD significantly: STRIDE."


def test_where_the_floor_was_not_run_nothing_is_said_of_it():
    assert "no teacher" not in first_sentence(samples.cell(BASE), samples.cell(BASE + 0.01 + OTHER, method="stride"))


def test_the_best_of_few_seeds_is_the_best_and_not_the_reference():
    """Three seeds are too few for a test of any method, the reference too."""
    few = [samples.cell(BASE[:3] + shift, method=label) for label, shift in (("kd", 0), ("abkd", 0.05), ("at", 0.02))]
    for parts, told in ((few, "ABKD"), ([samples.cell(BASE), *few[1:]], "KD")):
        found = samples.findings(*parts)
        assert sentences.best(found, *found.results.families).startswith(f"{told} "), told


def test_an_unfinished_floor_is_named_once():
    found = samples.findings(
        samples.cell(BASE), samples.cell(BASE + OTHER, method="abkd"), samples.missing(10, method="supervised")
    )
    text = " ".join(sentences.family_statement(found, found.results.families[0]).sentences)
    assert text.count("Supervised") == 1


def test_why_nothing_was_tested_is_said_in_words():
    few = first_sentence(samples.cell(BASE[:3]), samples.cell(BASE[:3], method="abkd"))
    assert few == "No test: a p-value needs 10 seeds that both methods have, and there are 3."
    found = samples.findings(samples.cell(BASE), samples.cell(BASE - 0.1 + OTHER, method="supervised"))
    _, floor, *_ = sentences.family_statement(found, found.results.families[0]).sentences
    assert floor == "No test: no method beside KD was run here."
    lost = samples.cell([np.nan] * 10, method="abkd", status="oom", reason="memory")
    assert first_sentence(samples.cell(BASE), lost) == "No test: every method failed."
    skipped = samples.cell([np.nan] * 10, method="at", status="skipped", reason="no edges")
    absent = samples.missing(10, method="gcrd")
    told = first_sentence(samples.cell(BASE), lost, skipped, absent)
    assert told == "No test: every method failed or is unfinished or was skipped."


def test_only_spotlit_methods_have_a_sentence_of_their_own():
    rows = (samples.cell(BASE), samples.cell(BASE + OTHER, method="abkd"), samples.cell(BASE + OTHER, method="at"))

    def text(*spotlight: str) -> str:
        found = samples.findings(*rows, spotlight=spotlight)
        return " ".join(sentences.family_statement(found, found.results.families[0]).sentences)

    assert "does not differ" not in text()
    assert "AT does not differ significantly from KD" in text("at")
    assert "ABKD does not" not in text("at")


def test_seeds_whose_methods_had_different_devices_are_told():
    one, other = {"device": "NVIDIA A100"}, {"device": "NVIDIA H100"}
    compared = samples.cell(BASE, **one)
    mixed = samples.findings(compared, samples.cell(BASE + OTHER, method="abkd", **other))
    (told,) = (s for s in sentences.family_statement(mixed, mixed.results.families[0]).sentences if "devices" in s)
    assert told == (
        f"Not all is paired: the methods of {len(BASE)} seeds were trained on different devices (NVIDIA A100 and "
        "NVIDIA H100), whose dropout masks differ."
    )
    same = samples.findings(compared, samples.cell(BASE + OTHER, method="abkd", **one))
    assert "devices" not in " ".join(sentences.family_statement(same, same.results.families[0]).sentences)


def test_a_seed_on_another_device_than_the_next_is_still_paired():
    found = samples.findings(
        *(
            [{**row, "device": f"GPU {row['seed'] % 2}"} for row in samples.cell(BASE + shift, method=method)]
            for shift, method in ((0, "kd"), (OTHER, "abkd"))
        )
    )
    assert "devices" not in " ".join(sentences.family_statement(found, found.results.families[0]).sentences)


def told(*parts, **changes) -> str:
    found = samples.findings(*parts, **changes)
    return " ".join(sentences.family_statement(found, found.results.families[0]).sentences)


@pytest.mark.parametrize("reference", ["absent", "diverged"])
def test_the_best_is_that_of_the_bold_whatever_became_of_the_reference(reference):
    parts = [samples.cell(BASE + OTHER, method="at"), samples.cell([0.99], method="gcrd")]
    if reference == "diverged":
        parts.append(samples.cell(BASE))
        parts[-1][0] |= {"status": "diverged", "reason": "a loss", "test": None}
    assert "Best mean: AT " in told(*parts)


def test_equal_scores_make_no_sentence_on_what_seeds_can_show():
    """As of a tuned method that keeps its defaults."""
    assert "four times in five" not in told(samples.cell(BASE), samples.cell(BASE, method="abkd"))
    assert "four times in five" not in told(samples.cell(BASE), samples.cell(BASE + 0.1, method="abkd"))


def test_of_other_seeds_the_distance_is_that_of_the_shared_ones():
    """By all of its twenty seeds KD leads, on the ten that both have it does not."""
    said = told(samples.cell([*BASE, *(BASE + 0.06)]), samples.cell(BASE + 0.02 + OTHER, method="abkd"))
    assert "to separate these, ABKD and KD, which are 2.0" in said
    assert "−" not in said.partition("four times in five")[2]


def test_a_failed_method_is_no_number_of_shared_seeds():
    failed = samples.cell(BASE, method="at")
    failed[0] |= {"status": "diverged", "reason": "a loss", "test": None}
    said = told(samples.cell(BASE), failed, samples.cell(BASE[:5] + OTHER[:5], method="abkd"))
    assert "a p-value needs 10 seeds that both methods have, and there are 5" in said


def test_the_pair_whose_seeds_are_counted_is_named_for_what_it_is():
    """Between the two stands a method with seeds of its own, which has no pairs; then below both."""
    parts = samples.cell(BASE), samples.cell(BASE + 0.1 + OTHER, method="abkd")
    said = told(*parts, samples.cell(BASE + 0.095, method="glnn"), unpaired=["glnn"])
    assert "at the spread of the two best paired ones); to separate these, ABKD and KD," in said
    said = told(*parts, samples.cell(BASE - 0.1, method="glnn"), unpaired=["glnn"])
    assert "at the spread of the two best); to separate these, ABKD and KD," in said
