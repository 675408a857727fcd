"""A composition is tuned beside what was chosen for its first parts alone, whenever that is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflow.steps.conftest import CONFIG
from tests.workflow.steps.test_tune import of
from tests.workflow.steps.test_tuned_again import wanted
from workflow import choices, tuned
from workflow.choices import Tuned
from workflow.config import complete
from workflow.errors import UserError
from workflow.schemas.configuration import Configuration
from workflow.steps.tune import _consistent, choose, remarks

TUNED: dict[str, Any] = {
    "methods": {"supervised": None, "kd": None, "kd+abkd": None},
    "tune": {"trials": 3, "seeds": 2},
    "tuned": "tuned/tiny.yaml",
}
LATER = "to be tuned beside what is chosen now: kd+abkd; go on with: snakemake tune --configfile config/tiny.yaml"


@pytest.fixture
def both(tiny):
    """Of both steps."""
    tiny(**TUNED).tune()
    tiny(**TUNED).tune()
    return tiny


def test_two_steps(tiny):
    made = tiny(**TUNED)
    assert wanted(made.run) == {"supervised", "kd"}
    first = choices.read(made.tune())
    assert [choice.label for choice in first.choices] == ["supervised", "kd"]
    assert remarks(made.run, first, made.run.tuned_file)[0] == LATER

    made = tiny(**TUNED)
    assert "holds no choice for kd+abkd" in made.run.trouble
    assert "kd+abkd" in wanted(made.run)
    found = choices.read(made.tune())
    assert found.choices[:2] == first.choices
    chosen = of(found, "kd").chosen_values
    default, *others = of(found, "kd+abkd").trials
    assert of(found, "kd+abkd").beside == {"kd": chosen}
    assert default.values["abkd"] == others[0].values["abkd"] or chosen == default.values["kd"]
    assert [trial.values["kd"] for trial in others] == [chosen] * 2
    assert len(remarks(made.run, found, made.run.tuned_file)) == 1, "no step is left"

    shown = {own["method"]: own for own in found.shown()}
    assert (shown["kd"]["base"], shown["kd+abkd"]["base"]) == ("supervised", "kd")
    first = of(found, "kd")
    assert shown["kd+abkd"]["base_scores"] == first.trials[first.chosen].valid

    made = tiny(**TUNED)
    assert made.run.trouble == ""
    cell = made.run.plan.cells["tiny/big/smallx4/kd+abkd-tuned"]
    assert cell.hyperparameters == of(found, "kd+abkd").hyperparameters
    before = made.run.tuned_file.read_bytes()
    made.tune()
    assert made.run.tuned_file.read_bytes() == before


def test_another_choice_of_the_first_part_tunes_the_composition_again(both, monkeypatch):
    known = tuned.loss
    monkeypatch.setattr(tuned, "loss", lambda method: "other" if method == "kd" else known(method))
    made = both(**TUNED)
    assert "kd+abkd" not in wanted(made.run), "whose first part is to be chosen again"
    found = choices.read(made.tune())
    assert [choice.label for choice in found.choices] == ["supervised", "kd"]
    told = remarks(made.run, found, made.run.tuned_file)
    assert told[0] == LATER
    assert not any("no longer in" in line for line in told)


def with_another(found: Tuned, label: str, /, **changes: Any) -> Tuned:
    own = [choice.model_copy(update=changes) if choice.label == label else choice for choice in found.choices]
    return found.model_copy(update={"choices": own})


def test_a_choice_beside_other_values_is_not_used(both):
    """As a hand, or a merge of two files, may leave it; and as files of earlier versions hold it."""
    file = both(**TUNED).run.tuned_file
    found = choices.read(file)
    for other in ({}, {"kd": {"alpha": 0.3, "temperature": 5.0}}):
        choices.write(file, with_another(found, "kd+abkd", beside=other))
        made = both(**TUNED)
        told = "kd+abkd with big and small on tiny is not tuned beside what is chosen now"
        assert made.run.trouble.startswith(f"config/tiny.yaml: tuned: config/tuned/tiny.yaml is stale: {told}; ")
        with pytest.raises(UserError, match="is stale"):
            made.run.check()


def test_what_was_tuned_beside_an_old_choice_is_left_out(both, monkeypatch):
    """Where the trials of the first part give another choice than the file has, which the composition stands beside."""
    made = both(**TUNED)
    held = of(choices.read(made.run.tuned_file), "kd")
    other = (held.chosen + 1) % 3
    monkeypatch.setattr(choices, "best", lambda ranks: other)
    assert [choice.label for choice in choose(made.run).choices] == ["supervised", "kd"]


def test_a_first_part_without_a_choice_leaves_the_composition_whole(tiny):
    """Stated whole, it has one trial, and nothing is chosen. Till it is known, the composition waits."""
    stated = {"alpha": 0.9, "temperature": 2}
    asked = {**TUNED, "methods": {"supervised": None, "kd": stated, "kd+abkd": {"kd": stated}}}
    made = tiny(**asked)
    first = choices.read(made.tune())
    assert remarks(made.run, first, made.run.tuned_file)[0] == LATER
    made = tiny(**asked)
    assert "it holds no choice for kd+abkd with big and small on tiny" in made.run.trouble
    found = choices.read(made.tune())
    assert of(found, "kd+abkd").beside == {}
    assert [trial.values.keys() for trial in of(found, "kd+abkd").trials] == [{"abkd": 0}.keys()] * 3
    assert tiny(**asked).run.trouble == ""


def test_a_composition_of_three_takes_a_step_more_and_falls_with_its_first(tiny):
    """Not beside a pair that is left out itself."""
    asked = {**TUNED, "methods": {**TUNED["methods"], "kd+abkd+fitnet": None}}
    for labels in (["kd"], ["kd", "kd+abkd"], ["kd", "kd+abkd", "kd+abkd+fitnet"]):
        made = tiny(**asked)
        found = choices.read(made.tune())
        assert [choice.label for choice in found.choices] == ["supervised", *labels]
    assert of(found, "kd+abkd+fitnet").beside == of(found, "kd+abkd").chosen_values
    assert tiny(**asked).run.trouble == ""
    kd = of(found, "kd")
    other = with_another(found, "kd", chosen=(kd.chosen + 1) % 3)
    assert {group[-1] for group in _consistent(made.run.stated, other.groups)} == {"supervised", "kd"}


def test_choices_of_methods_that_are_gone_hurt_nobody(both):
    """As of a plug-in, in the own file and in another."""
    file = both(**TUNED).run.tuned_file
    found = choices.read(file)
    choices.write(file, with_another(found, "supervised", label="gone", method="gone"))
    choices.write(file.with_name("another.yaml"), with_another(found, "kd", method="gone"))
    assert both(**TUNED).run.beside == {(*of(found, "kd").place, "kd+abkd"): of(found, "kd+abkd").beside}


def test_another_file_is_asked_for_what_holds_alone(both):
    """Its values may be those of other networks or trainings: nothing is tried beside them."""
    file = both(**TUNED).run.tuned_file
    found = choices.read(file)
    file.rename(file.with_name("another.yaml"))
    taken = both(**TUNED).run
    assert list(taken.beside.values()) == [of(found, "kd+abkd").beside]
    other = with_another(found, "kd", settings={"smallx4": "other"})
    choices.write(file.with_name("another.yaml"), other)
    assert list(both(**TUNED).run.beside.values()) == [None]
    choices.write(file, other)
    assert list(both(**TUNED).run.beside.values()) == [None], "nor what the own file held before a change"


def of_another(**changes: Any) -> Configuration:
    """A configuration that uses the file of tiny.yaml, and tunes nothing itself."""
    stated = {name: value for name, value in {**CONFIG, **TUNED}.items() if name != "tune"}
    return complete({**stated, **changes}, "config/another.yaml")


def test_a_configuration_that_uses_the_choices_of_another(both):
    """It need not have the first part; where it has, the composition stands beside what was chosen for that."""
    found = choices.read(both(**TUNED).run.tuned_file)
    without = {"methods": {"supervised": None, "kd+abkd": None}, "reference": "supervised"}
    for asked in (of_another(), of_another(**without)):
        assert "kd+abkd-tuned" in tuned.applied(asked, found).methods
    with pytest.raises(UserError, match="is not tuned beside what is chosen now"):
        tuned.applied(of_another(), with_another(found, "kd+abkd", beside={"kd": {"alpha": 0.3, "temperature": 5.0}}))
    whole = with_another(found, "kd+abkd", beside={})
    alone = whole.model_copy(update={"choices": [choice for choice in whole.choices if choice.label != "kd"]})
    assert of(alone, "kd+abkd").beside == {}
    with pytest.raises(UserError, match="are not those planned"):  # for trials beside a choice were made whole here
        tuned.applied(of_another(), alone)


def test_half_of_the_choices_of_another_are_not_used(both):
    """Nor beside a method of its own at its defaults, where all were asked for."""
    found = choices.read(both(**TUNED).run.tuned_file)
    named = found.tune.model_copy(update={"methods": ["kd", "kd+abkd"]})
    half = [choice for choice in found.choices if choice.label != "kd+abkd"]
    with pytest.raises(UserError, match="it holds no choice for kd\\+abkd with big and small on tiny"):
        tuned.applied(of_another(), found.model_copy(update={"tune": named, "choices": half}))


def test_run_and_tune_agree_on_a_composition_whose_first_part_is_gone(both):
    made = both(**{**TUNED, "methods": {"supervised": None, "kd+abkd": None}, "reference": "supervised"})
    assert "kd+abkd with big and small on tiny is not tuned beside what is chosen now" in made.run.trouble
    assert "kd+abkd" in wanted(made.run)
