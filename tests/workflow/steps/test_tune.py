"""What is chosen from trials, by hand-computed tables; a tiny run from its trials to the table of its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports import build
from reports.metrics import metric
from reports.rows import Row, Status
from tests.reports import samples
from workflow import choices
from workflow.choices import Choice, Tuned
from workflow.errors import UserError
from workflow.ledger import Ledger
from workflow.steps import retry
from workflow.steps.tune import choose, lines, rank, remarks
from workflow.task import Task, absent

ACCURACY, RMSE = metric("accuracy"), metric("rmse")
TUNED = {
    "methods": {"supervised": None, "kd": None, "kd+abkd": {"kd": {"alpha": 0.5}}},
    "tune": {"trials": 3, "seeds": 2},
    "tuned": "tuned/tiny.yaml",
}


def rows(*scores: float | None, **changes: Any) -> list[Row]:
    """A trial's rows on one student."""
    return [
        Row.model_validate({**samples.row(seed=seed, valid=score), "status": Status.OK, **changes})
        for seed, score in enumerate(scores)
    ]


FAILED = {"status": Status.FAILED, "reason": "x"}
SKIPPED = {"status": Status.SKIPPED, "reason": "no edges"}


def test_the_mean_over_seeds_is_ranked_per_student():
    # trial      a: mean  rank   b: mean  rank    mean rank
    #   0           0.50   3        0.60   1         2
    #   1           0.70   1        0.50   2.5       1.75
    #   2           0.60   2        0.50   2.5       2.25
    trials = {
        0: {"a": rows(0.4, 0.6), "b": rows(0.6, 0.6)},
        1: {"a": rows(0.9, 0.5), "b": rows(0.4, 0.6)},
        2: {"a": rows(0.6, 0.6), "b": rows(0.5, 0.5)},
    }
    ranks, notes = rank(trials, ACCURACY)
    assert ranks == {0: 2, 1: 1.75, 2: 2.25}
    assert notes == {0: "", 1: "", 2: ""}
    # Of an error the least is best: on a 1, 3, 2 and on b 3, 1.5, 1.5.
    assert rank(trials, RMSE)[0] == {0: 2, 1: 2.25, 2: 1.75}


def test_a_student_with_large_differences_outvotes_nobody():
    trials = {
        0: {"a": rows(0.81), "b": rows(0.81), "c": rows(0.10)},
        1: {"a": rows(0.80), "b": rows(0.80), "c": rows(0.80)},
    }
    ranks, _ = rank(trials, ACCURACY)
    assert ranks == {0: pytest.approx(4 / 3), 1: pytest.approx(5 / 3)}


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.OOM, Status.FAILED])
def test_a_trial_that_failed_somewhere_cannot_be_chosen(status: Status):
    lost = [*rows(0.9), *rows(None, status=status, reason="x")]
    ranks, notes = rank({0: {"a": rows(0.5, 0.5)}, 1: {"a": rows(0.6, 0.6)}, 2: {"a": lost}}, ACCURACY)
    assert ranks == {0: 2, 1: 1}, "and ranks nobody"
    assert notes[2] == f"{status} on a, seed 0"


def test_a_student_for_which_all_were_skipped_ranks_nobody():
    trials = {n: {"a": rows(None, **SKIPPED), "b": rows(score)} for n, score in enumerate((0.5, 0.6))}
    assert rank(trials, ACCURACY)[0] == {0: 2, 1: 1}
    nowhere = {n: {"a": rows(None, **SKIPPED)} for n in range(2)}
    assert rank(nowhere, ACCURACY) == ({}, {0: "does not apply here", 1: "does not apply here"})


def test_a_trial_skipped_alone_blocks_nobody():
    trials = {0: {"a": rows(0.5)}, 1: {"a": rows(None, **SKIPPED)}}
    assert rank(trials, ACCURACY) == ({0: 1}, {0: "", 1: "skipped on a, seed 0"})


def of(found: Tuned, label: str) -> Choice:
    return next(choice for choice in found.choices if choice.label == label)


def test_a_tiny_run_from_its_trials_to_its_table(tiny, tiny_task: Task):
    made = tiny(**TUNED, seeds=10)
    assert made.run.trouble.startswith("config/tiny.yaml: tuned: config/tuned/tiny.yaml is missing; ")
    file = made.tune()
    blind = Task.load(Path("data/tasks/tiny@blind"))
    assert absent(blind.labels[blind.split("test")]).all()
    found = choices.read(file)
    assert found.data == {"tiny": tiny_task.fingerprint}
    assert [(choice.label, len(choice.trials)) for choice in found.choices] == [
        ("supervised", 1),
        ("kd", 3),
        ("kd+abkd", 3),
    ]
    for choice in found.choices:
        assert choice.place == ("tiny", "big", "small")
        ranks = [trial.rank for trial in choice.trials]
        assert choice.chosen == ranks.index(min(ranks))
        assert all(len(trial.valid["smallx4"]) == 2 for trial in choice.trials), "one score per seed"
    assert set(of(found, "kd+abkd").space) == {"kd.temperature", "abkd.beta"}
    before = file.read_bytes()
    choices.write(file, choose(made.run))
    assert file.read_bytes() == before
    assert choices.read(file) == found

    made = tiny(**TUNED, seeds=10)
    assert made.run.trouble == ""
    labels = ["supervised", "kd", "kd-tuned", "kd+abkd", "kd+abkd-tuned"]
    assert [cell.method for cell in made.run.plan.cells.values()] == labels
    for label in ("kd", "kd+abkd"):
        cell = made.run.plan.cells[f"tiny/big/smallx4/{label}-tuned"]
        assert cell.hyperparameters == of(found, label).hyperparameters
    assert made.run.plan.methods["kd+abkd-tuned"].title == "KD + ABKD (tuned)"
    made.train()
    runs = made.collect()
    assert set(runs["dataset"]) == {"tiny"}, "rows of trials stand in no table"
    assert runs["test"].notna().all()
    results = Path(made.run.results)
    build.write(results, made.run.report_settings)
    table = pd.read_csv(results / "tables" / "tuned.csv")
    assert list(table["method"]) == ["kd", "kd+abkd"]
    assert (table["n"] == 10).all()
    assert (table["p_holm"].dropna() >= table["p"].dropna()).all()
    scores = runs.pivot_table(index="seed", columns="method", values="test")
    for row in table.itertuples():
        ours, theirs = scores[f"{row.method}-tuned"], scores[row.method]
        assert row.difference == pytest.approx((ours - theirs).mean())
        assert row.valid_chosen == pytest.approx(of(found, row.method).trials[row.chosen_trial].mean(["smallx4"]))
    page = (results / "index.html").read_text()
    assert "Tuned beside default" in page
    assert "KD + ABKD (tuned)" in page


def test_rows_of_trials_have_no_test_score(tiny):
    made = tiny(**TUNED)
    made.tune()
    rows = [training.row for training in Ledger(made.run.tuning)]
    assert {row.dataset for row in rows} == {"tiny@blind"}
    assert {row.seed for row in rows} == {1000, 1001}
    for row in rows:
        assert row.test is None
        assert row.valid is not None
        assert (row.nll, row.ece, row.worst_class, row.agreement) == (None,) * 4


def test_trials_that_are_missing_are_told_and_trained_again(tiny):
    made = tiny(**TUNED)
    with pytest.raises(
        UserError, match=r"results/tiny: 16 of 16 trials do not belong to config/tiny.yaml: .* -- tune$"
    ):
        choose(made.run)
    made.tune()
    cell = next(iter(made.run.tuning.plan.cells))
    file = Path(made.run.tuning.folder(cell)) / "trainings" / "seed~1000.json"
    file.unlink()
    with pytest.raises(UserError, match=r"1 of 16 trials do not belong"):
        choose(made.run)
    assert retry.forget(made.run.tuning, ()) == {"missing": 1}


def test_choices_are_told_in_a_line_each(tiny):
    made = tiny(**TUNED)
    made.tune()
    found = choose(made.run)
    told = lines(found)
    assert len(told) == 2
    assert told[0].startswith("tiny, big to small: kd: ")
    assert "(3 trials" in told[0]
    chosen = of(found, "kd+abkd").chosen
    assert ("kd.temperature" if chosen else ": the default; validation ") in told[1]
    assert lines(found, {of(found, "kd").group})[0].endswith("of an earlier tuning)")


def test_methods_that_are_not_tuned_are_told(tiny):
    made = tiny(
        **{**TUNED, "methods": {**TUNED["methods"], "self": None}, "tune": {"trials": 3, "seeds": 2, "methods": ["kd"]}}
    )
    made.tune()
    told = remarks(made.run, choose(made.run), made.run.tuned_file)
    assert told == [
        "not tuned, as tune.methods does not name them: kd+abkd, self",
        "config/tuned/tiny.yaml: a run uses it by the key `tuned`",
    ]
