"""The file of tuned values: what a hand has changed in it is refused, and those that are here are read as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflow import choices
from workflow.choices import Choice, Trial, Tuned
from workflow.errors import UserError
from workflow.schemas.configuration import Tune

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "tuned").glob("*.yaml"))
SCORES = ([0.5, 0.7], [0.8, 0.6], [0.4, None])
VALUES = (1.0, 0.1, 10.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The second of three trials is chosen; the third failed."""
    trials = [
        Trial(values={"beta": beta}, rank=rank, note=note, valid={"gcn-2x4": scores}, trainings={"gcn-2x4": "0"})
        for beta, rank, note, scores in zip(
            VALUES, (2.0, 1.0, None), ("", "", "failed on gcn-2x4, seed 1001"), SCORES, strict=True
        )
    ]
    own = Choice(
        dataset="cora",
        teacher="big",
        student="gcn-2",
        label="kd",
        method="kd",
        stated={},
        space={"beta": [0.1, 1.0, 10.0]},
        code="",
        settings={"gcn-2x4": "0"},
        chosen=1,
        trials=trials,
    )
    made = Tuned(tune=Tune(trials=3, seeds=2), data={"cora": "f" * 64}, choices=[own])
    choices.write(tmp_path / "tiny.yaml", made)
    assert choices.read(tmp_path / "tiny.yaml") == made
    return tmp_path / "tiny.yaml"


def edited(file: Path, change: Callable[[dict[str, Any]], object], signed: bool) -> None:
    """The file as a hand has changed it, with its digest or, as earlier ones were, without."""
    found = yaml.safe_load(file.read_text())
    change(found)
    if not signed:
        del found["digest"]
    file.write_text(yaml.safe_dump(found, sort_keys=False))


def of_kd(found: dict[str, Any]) -> dict[str, Any]:
    return found["choices"][0]


EDITS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda f: of_kd(f).update(chosen=0), "kd with big and gcn-2 on cora: chosen is 0, and by the scores 1"),
    (lambda f: of_kd(f).update(chosen=-1), "chosen is -1, and by the scores 1"),
    (lambda f: of_kd(f).update(chosen=7), "chosen is 7, and by the scores 1"),
    (lambda f: of_kd(f).update(chosen=None), "chosen is None, and by the scores 1"),
    (lambda f: of_kd(f)["trials"][0].update(valid={"gcn-2x4": [0.9, 0.9]}), "by the scores the rank of trial 0 is 1.0"),
    (lambda f: of_kd(f)["trials"][0].update(rank=1.0), "by the scores the rank of trial 0 is 2.0"),
    (lambda f: of_kd(f)["trials"][1].update(note="failed"), "trial 1 must have a note where a score is missing, and"),
    (lambda f: of_kd(f)["trials"][2].update(note="", rank=3.0), "trial 2 must have a note where a score is missing"),
    (lambda f: of_kd(f)["trials"][0]["valid"]["gcn-2x4"].pop(), "every trial must have 2 scores, one per seed, of gcn"),
    (lambda f: f["tune"].update(seeds=3), "every trial must have 3 scores, one per seed, of gcn-2x4"),
    (lambda f: f.update(data={}), "data: lacks the fingerprint of cora"),
    (lambda f: f["choices"].append(of_kd(f)), "is chosen twice"),
]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(("change", "told"), EDITS)
def test_what_does_not_follow_from_the_scores_is_refused(file, change, told: str, signed: bool):
    edited(file, change, signed)
    with pytest.raises(UserError, match=rf"^[^\n]*tiny.yaml: was edited: [^\n]*{told}[^\n]*$"):
        choices.read(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["tune"].update(first_seed=5000),
        lambda found: found["data"].update(cora="0" * 64),
        lambda found: of_kd(found)["trials"][1].update(valid={"gcn-2x4": [0.9, 0.9]}),
        lambda found: of_kd(found)["trials"][1].update(values={"beta": 3.0}),
    ],
)
def test_what_nothing_else_tells_is_told_by_the_digest(file: Path, change):
    edited(file, change, signed=True)
    with pytest.raises(UserError, match=r"tiny.yaml: was edited: its content does not have the digest that it states$"):
        choices.read(file)


def test_a_file_without_a_digest_is_read(file: Path):
    whole = choices.read(file)
    edited(file, lambda found: found, signed=False)
    assert choices.read(file) == whole


@pytest.mark.parametrize("trials", [VALUES[:2], (1.0, 0.2, 10.0), (10.0, 1.0, 0.1)])
def test_trials_that_are_not_the_planned_ones_are_told(file: Path, trials: tuple[float, ...]):
    """One that was taken away is an unequal budget."""
    (own,) = choices.read(file).choices
    assert own.is_planned(3)
    tried = [Trial(values={"beta": beta}, rank=None, note="", valid={}, trainings={}) for beta in trials]
    assert not own.model_copy(update={"trials": tried}).is_planned(3)


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda file: file.stem)
def test_what_is_here_holds(shipped: Path):
    found = choices.read(shipped)
    assert all(choice.is_planned(found.tune.trials) for choice in found.choices)


def test_what_the_protocol_says_of_few_seeds() -> None:
    """How many choices of quick.yaml would be others by the first two of its five seeds."""
    made = [choice for choice in choices.read(SHIPPED[0].with_name("quick.yaml")).choices if choice.is_choice]
    others = 0
    for choice in made:
        first = {
            number: {student: scores[:2] for student, scores in trial.valid.items()}
            for number, trial in enumerate(choice.trials)
            if not trial.note
        }
        others += choices.best(choices.ranks(first, higher_is_better=True)) != choice.chosen
    page = " ".join((SHIPPED[0].parents[2] / "docs" / "protocol.md").read_text().split())
    assert f"with two in place of five, {others} of the {len(made)} choices of `quick.yaml` would be others" in page
