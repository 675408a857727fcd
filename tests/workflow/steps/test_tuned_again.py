"""What a second tuning does not try again: choices that still hold, of which the trials may be gone."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.steps.conftest import CONFIG
from tests.workflow.steps.test_tune import TUNED, of
from workflow import choices, prepared, tuned
from workflow.choices import Tuned
from workflow.errors import UserError
from workflow.run import Run
from workflow.steps import retry
from workflow.steps.tune import choose, others
from workflow.task import Task
from workflow.tuning import of_trial
from workflow.variants import Variant

MADE: list[Tuned] = []


@pytest.fixture
def shipped(tiny):
    """A file of choices whose trials are not here, as in a fresh clone."""
    made = tiny(**TUNED)
    if not MADE:
        MADE.append(choices.read(made.tune()))
        shutil.rmtree(made.run.results)
    choices.write(made.run.tuned_file, MADE[0])
    return tiny


def wanted(run: Run) -> set[str]:
    """The methods whose trials are to be trained."""
    assert run.tuning
    return {of_trial(cell.method)[0] for cell in run.tuning.plan.cells.values()}


def test_choices_that_still_hold_are_not_made_again(shipped):
    made = shipped(**TUNED)
    before = made.run.tuned_file.read_bytes()
    assert (wanted(made.run), made.run.tuning.plan.teachers, made.run.tuning.all_blocks) == (set(), {}, [])
    made.tune()
    assert made.run.tuned_file.read_bytes() == before


@pytest.mark.parametrize("beside", [True, False])
def test_trials_are_those_of_the_configuration_as_it_is_stated(shipped, beside: bool):
    """Not of what it becomes by a file that can be used: where tuned methods stand alone, no other would be tried."""
    made = shipped(**TUNED, beside_defaults=beside, reference="kd-tuned")
    assert made.run.trouble == ""
    assert {choice.label for choice in made.run.kept.choices} == EVERY
    before = made.run.tuned_file.read_bytes()
    made.tune()
    assert made.run.tuned_file.read_bytes() == before


def test_a_new_method_is_tuned_alone(shipped):
    more = {**TUNED, "methods": {**TUNED["methods"], "fitnet": None}}
    made = shipped(**more)
    assert wanted(made.run) == {"fitnet"}
    assert "it holds no choice for fitnet with big and small on tiny" in made.run.trouble, "not at its defaults unasked"
    earlier = choices.read(made.run.tuned_file)
    found = choices.read(made.tune())
    assert [choice.label for choice in found.choices] == [*more["methods"]]
    assert found.choices[:3] == earlier.choices
    assert found.data == earlier.data
    assert shipped(**more).run.trouble == ""
    # It was begun here, so that it stays planned: else the next `snakemake tune` would have other inputs.
    assert wanted(shipped(**more).run) == {"fitnet"}


def widths(*of_students: int) -> list[dict[str, Any]]:
    return [{**CONFIG["experiments"][0], "students": [{"model": "small", "widths": [*of_students]}]}]


EVERY = {"supervised", "kd", "kd+abkd"}
OTHERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "stated": ({"methods": {**TUNED["methods"], "kd": {"alpha": 0.7}}}, {"kd"}),
    "trials": ({"tune": {"trials": 4, "seeds": 2}}, EVERY),
    "seeds": ({"tune": {"trials": 3, "seeds": 2, "first_seed": 2000}}, EVERY),
    "fewer methods": ({"tune": {"trials": 3, "seeds": 2, "methods": ["kd"]}}, set()),
    "training": ({"training": {"epochs": 5}}, EVERY),
    "one more width": ({"experiments": widths(4, 6)}, EVERY),
    "another width": ({"experiments": widths(6)}, EVERY),
}


@pytest.mark.parametrize(("changes", "again"), OTHERS.values(), ids=OTHERS)
def test_what_a_choice_rested_on_is_tuned_again(shipped, changes: dict[str, Any], again: set[str]):
    assert wanted(shipped(**{**TUNED, **changes}).run) == again


def test_other_code_of_a_method_tunes_it_again(shipped, monkeypatch):
    known = tuned.loss
    monkeypatch.setattr(tuned, "loss", lambda method: "other" if "abkd" in method else known(method))
    made = shipped(**TUNED)
    assert wanted(made.run) == {"kd+abkd"}
    made.tune()
    assert [choice.code == "other" for choice in choices.read(made.run.tuned_file).choices] == [False, False, True]


def test_other_values_of_a_trial_tune_it_again(shipped):
    """They come from code that no digest holds: the design of the trials."""
    file = shipped(**TUNED).run.tuned_file
    found = choices.read(file)
    of(found, "kd").trials[2].values["temperature"] = 77.0
    choices.write(file, found)
    assert wanted(shipped(**TUNED).run) == {"kd"}


@pytest.mark.parametrize("blind", [True, False])
def test_other_data_tune_everything_again(shipped, blind: bool, tiny_task: Task):
    """Whichever of the two is prepared here."""
    if blind:
        shutil.rmtree("data/tasks/tiny")
    else:
        shutil.rmtree("data/tasks/tiny@blind")
    assert wanted(shipped(**TUNED).run) == set()
    arrays = {**tiny_task.arrays, "features": tiny_task.arrays["features"] * 2}
    other = dataclasses.replace(tiny_task, arrays=arrays).finish()
    task = Variant(blind=True).apply(other).finish() if blind else other
    prepared.save(task, Path("data/tasks") / task.name, prepared.code_of(task.name))
    assert wanted(shipped(**TUNED).run) == EVERY


@pytest.mark.parametrize(
    ("note", "again"), [("oom on smallx4, seed 0", {"kd"}), ("diverged on smallx4, seed 0", set())]
)
def test_a_trial_that_failed_by_chance_is_tried_again(shipped, note: str, again: set[str]):
    file = shipped(**TUNED).run.tuned_file
    found = choices.read(file)
    first, second, third = of(found, "kd").trials
    lost = second.model_copy(update={"note": note, "rank": None, "valid": {"smallx4": [None, None]}})
    ranked = choices.ranks({0: first.valid, 2: third.valid}, higher_is_better=True)
    trials = [first.model_copy(update={"rank": ranked[0]}), lost, third.model_copy(update={"rank": ranked[2]})]
    change = {"trials": trials, "chosen": choices.best(ranked)}
    own = [choice.model_copy(update=change) if choice.label == "kd" else choice for choice in found.choices]
    choices.write(file, found.model_copy(update={"choices": own}))
    assert wanted(shipped(**TUNED).run) == again


def test_the_choices_of_another_configuration_are_taken_over(shipped):
    """Those of its own file come first."""
    own = shipped(**TUNED).run.tuned_file
    found = choices.read(own)
    choices.write(own.with_name("another.yaml"), found)
    own.unlink()
    assert wanted(shipped(**TUNED).run) == set()
    of(found, "kd").trials[1].trainings["smallx4"] = "of its own"
    choices.write(own, found)
    assert of(shipped(**TUNED).run.kept, "kd").trials[1].trainings == {"smallx4": "of its own"}
    choices.write(own, found.model_copy(update={"choices": found.choices[:1]}))
    assert wanted(shipped(**TUNED).run) == set()


def test_choices_are_not_taken_over_from_two_data(shipped):
    """Nothing is prepared yet that could tell which data are there."""
    own = shipped(**TUNED).run.tuned_file
    found = choices.read(own)
    shutil.rmtree("data/tasks")
    choices.write(own, found.model_copy(update={"choices": found.choices[:1]}))
    choices.write(own.with_name("another.yaml"), found.model_copy(update={"data": {"tiny": "other"}}))
    assert wanted(shipped(**TUNED).run) == {"kd", "kd+abkd"}


def test_a_file_that_cannot_be_read_is_not_replaced(shipped):
    shipped(**TUNED).run.tuned_file.write_text("<<<<<<< HEAD")
    with pytest.raises(UserError, match=r"tiny.yaml: .*; without that file, what it holds is tuned anew$"):
        _ = shipped(**TUNED).run.tuning
    with pytest.raises(SystemExit, match=r"^error: config/tuned/tiny.yaml: "):
        _ = shipped(**TUNED).run.tuning_inputs


def test_what_was_begun_here_is_made_from_its_trials(shipped):
    """So that `retry` trains what it has dropped, and a kill changes nothing."""
    made = shipped(**TUNED)
    made.run.tuned_file.unlink()
    made = shipped(**TUNED)
    made.tune()
    record = next(Path(made.run.trials.folder("tiny@blind/big/smallx4/kd.1")).glob("trainings/*.json"))
    record.write_text("{")
    made = shipped(**TUNED)
    assert retry.forget(made.run.tuning, ()) == {"missing": 1}
    again = shipped(**TUNED)
    assert wanted(again.run) == EVERY
    with pytest.raises(UserError, match="1 of 16 trials do not belong"):
        choose(again.run)


def test_the_jobs_of_all_trials_are_known(shipped):
    """A cluster's jobs plan anew, while the folders of their trials come into being."""
    run = shipped(**TUNED).run
    assert run.tuning.plan.cells == {}
    for key in run.plan.tuning.cells:
        assert run.owner(key).plan.cells[key]


def test_a_file_that_is_being_written_is_no_source(shipped):
    file = shipped(**TUNED).run.tuned_file
    file.rename(file.with_name(".tiny.x.yaml"))
    assert wanted(shipped(**TUNED).run) == EVERY


def test_other_files_are_not_read_in_vain(tiny):
    made = tiny(**TUNED)
    made.tune()
    made.run.tuned_file.with_name("broken.yaml").write_text("<<<")
    assert wanted(tiny(**TUNED).run) == EVERY


def test_what_is_no_longer_asked_for_is_told(shipped):
    fewer = shipped(**{**TUNED, "tune": {"trials": 3, "seeds": 2, "methods": ["kd"]}}).run
    assert others(fewer.tuned_file, choose(fewer)) == ["kd+abkd"]
    assert others(Path("none.yaml"), choose(fewer)) == []


@pytest.mark.parametrize("alphas", [(0.5, 0.9), (0.5, None)])
def test_one_choice_serves_no_two_statements(tiny, alphas: tuple[float | None, ...]):
    """Else trials of one number would be of two methods."""
    experiments = [
        {**experiment, "methods": {"supervised": None, "kd": {"alpha": alpha} if alpha else None}}
        for alpha, width in zip(alphas, (4, 6), strict=True)
        for experiment in widths(width)
    ]
    with pytest.raises(UserError) as caught:
        tiny(**{**TUNED, "methods": {"supervised": None, "kd": None}, "experiments": experiments})
    assert str(caught.value) == (
        "config/tiny.yaml: methods.kd: is stated differently for smallx4 and smallx6 under big on tiny; "
        "`tune` chooses once for all students of small"
    )


def test_a_stale_file_lets_tune_run_again(shipped, monkeypatch):
    """`git checkout` brings an old file back behind finished trials."""
    run = shipped(**TUNED).run
    kept = Path(run.tuning_file)
    before = kept.read_text()
    assert Path(shipped(**TUNED).run.tuning_file).read_text() == before
    monkeypatch.setattr(tuned, "loss", lambda method: "other")
    assert Path(shipped(**TUNED).run.tuning_file).read_text() != before
