"""A file of tuned values is used where it fits, and refused in one line where it is stale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_tiny_task
from workflow import choices, prepared, tuned
from workflow.choices import Choice, Trial, Tuned
from workflow.errors import UserError
from workflow.files import read_json, write_text
from workflow.schemas.configuration import Tune
from workflow.steps import train
from workflow.steps.collect import collect
from workflow.steps.tune import lines
from workflow.training.records import Records

TUNED: dict[str, Any] = {
    "methods": {"supervised": None, "kd": None, "fitnet": {"beta": 1}, "gcrd": {"tau2": 0.05}},
    "tune": {"trials": 3, "seeds": 2},
    "tuned": "tuned/tiny.yaml",
}
USED = {key: value for key, value in TUNED.items() if key != "tune"}


KEPT: list[bytes] = []
"""The file of TUNED, once it is made."""


@pytest.fixture
def made(tiny):
    """Runs of configurations, of which TUNED is tuned."""
    if not KEPT:
        KEPT.append(tiny(**TUNED).tune().read_bytes())
    write_text("config/tuned/tiny.yaml", KEPT[0].decode())
    return tiny


def labels(run) -> set[str]:
    return {cell.method for cell in run.plan.cells.values()}


def test_a_method_that_fits_stands_twice(made):
    """But for those with nothing to choose: what a configuration states is not tuned."""
    run = made(**TUNED).run
    assert not run.trouble
    assert labels(run) == {"supervised", "kd", "kd-tuned", "fitnet", "gcrd", "gcrd-tuned"}
    assert run.plan.cells["tiny/big/smallx4/gcrd-tuned"].hyperparameters["tau2"] == 0.05
    assert "tuned" in read_json(run.config_file)["value"], "other values make other tables"
    assert {cell.method.rpartition(".")[0] for cell in run.tuning.plan.cells.values()} == set(TUNED["methods"])


def test_another_configuration_may_use_the_file(made):
    """With other ratios and fewer methods; it tunes nothing itself."""
    students = [{"model": "small", "widths": [4, 6]}]
    experiments = [{"dataset": "tiny", "teachers": ["big"], "students": students}]
    run = made(**{**USED, "methods": {"kd": None}}, experiments=experiments, reference="kd-tuned").run
    assert not run.trouble
    assert set(run.plan.cells) == {f"tiny/big/smallx{w}/{m}" for w in (4, 6) for m in ("kd", "kd-tuned")}
    assert run.tuning is None


STALE: list[tuple[dict[str, Any], str]] = [
    ({**TUNED, "tune": {"trials": 4, "seeds": 2}}, "its `tune` is another one"),
    ({**USED, "first_seed": 999}, "seeds 1000-1001 are among those that are reported, 999-1001"),
    ({**USED, "methods": {"kd": {"alpha": 0.5}}}, "kd is stated otherwise in the configuration"),
    ({**USED, "training": {"epochs": 5}}, "networks or training of big and smallx4 on tiny have changed"),
    (
        {**USED, "models": {"big": {"model": "gcn", "layers": 3, "width": 17}, "small": {"model": "gcn"}}},
        "networks or training of big and smallx4 on tiny have changed",
    ),
    ({**USED, "distill_on": "all"}, "networks or training of big and smallx4 on tiny have changed"),
    (
        {
            **USED,
            "experiments": [{"dataset": "tiny", "teachers": ["big"], "students": [{"model": "mlp", "widths": [4]}]}],
            "models": {"big": {"model": "gcn", "layers": 3, "width": 16}, "mlp": {"model": "mlp"}},
        },
        "it holds no choice for kd with big and mlp on tiny",
    ),
    ({**USED, "spotlight": ["fitnet-tuned"]}, "it holds no choice for fitnet-tuned, which is spotlight in the conf"),
]


WIDER = [{"dataset": "tiny", "teachers": ["big"], "students": [{"model": "small", "widths": [6]}]}]


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"epochs": 5}},
        {"models": {"big": {"model": "gcn", "layers": 3, "width": 17}, "small": {"model": "gcn"}}},
        {"models": {"big": {"model": "gcn", "layers": 3, "width": 16}, "small": {"model": "gcn", "dropout": 0.5}}},
        {"distill_on": "all"},
    ],
)
def test_at_another_width_all_else_must_be_the_same(made, change: dict[str, Any]):
    assert not made(**USED, experiments=WIDER).run.trouble
    run = made(**{**USED, **change}, experiments=WIDER).run
    refused(
        run, "config/tiny.yaml: tuned: config/tuned/tiny.yaml is stale: networks or training of big and smallx6 on tiny"
    )


def test_a_teacher_of_the_students_size_goes_with_its_width(tiny):
    config = {**TUNED, "methods": {"supervised": None, "kd": None, "self": None}}
    tiny(**config).tune()
    del config["tune"]
    run = tiny(**config, experiments=WIDER).run
    assert not run.trouble
    assert "self-tuned" in labels(run)
    assert tiny(**config, experiments=WIDER, training={"epochs": 5}).run.trouble


@pytest.mark.parametrize(("config", "why"), STALE, ids=[why for _, why in STALE])
def test_a_stale_file_is_refused_in_one_line(made, config: dict[str, Any], why: str):
    run = made(**config).run
    refused(run, f"config/tiny.yaml: tuned: config/tuned/tiny.yaml is stale: {why}")


def refused(run, message: str) -> None:
    """Whatever reads the run's rows says so; nothing else does, so that it can be tuned anew."""
    assert run.trouble.startswith(message), run.trouble
    made = "snakemake tune --configfile config/tiny.yaml, which tries only what has changed"
    assert run.trouble.endswith(f"; it is made by: {made}")
    assert "\n" not in run.trouble
    with pytest.raises(UserError, match=re.escape(run.trouble)):
        run.check()
    with pytest.raises(SystemExit, match=re.escape(f"error: {run.trouble}")):
        _ = run.config_file


def test_trials_that_are_not_planned_are_refused(made):
    """Values that a hand has changed, or a trial that it has left out."""
    file = Path("config/tuned/tiny.yaml")
    found = choices.read(file)
    next(choice for choice in found.choices if choice.label == "kd").trials[1].values["temperature"] = 7.0
    choices.write(file, found)
    told = "the trials of kd with big and small on tiny are not those planned"
    refused(made(**TUNED).run, f"config/tiny.yaml: tuned: config/tuned/tiny.yaml is stale: {told}")


def test_a_file_that_was_edited_is_refused(made):
    file = Path("config/tuned/tiny.yaml")
    file.write_text(file.read_text().replace("first_seed: 1000", "first_seed: 5000"))
    refused(made(**TUNED).run, "config/tiny.yaml: tuned: config/tuned/tiny.yaml: was edited: its content does not")


def test_a_file_of_another_configuration_is_told_apart(tiny):
    """`snakemake tune` would write another file, and the run refuse the first one again."""
    run = tiny(**{**TUNED, "tuned": "tuned/quick.yaml"}).run
    assert run.trouble == (
        "config/tiny.yaml: tuned: config/tuned/quick.yaml is missing; state tuned: tuned/tiny.yaml, which is made by: "
        "snakemake tune --configfile config/tiny.yaml, which tries only what has changed"
    )


def test_other_code_of_a_method_is_refused(made, monkeypatch: pytest.MonkeyPatch):
    """Its search space is part of it."""
    known = tuned.loss
    monkeypatch.setattr(tuned, "loss", lambda method: "other" if method == "gcrd" else known(method))
    refused(made(**TUNED).run, "config/tiny.yaml: tuned: config/tuned/tiny.yaml is stale: the code or the search space")
    monkeypatch.setattr(tuned, "loss", lambda method: "other" if method == "fitnet" else known(method))
    assert not made(**TUNED).run.trouble, "nothing of it was tuned"


def test_other_data_are_refused(made):
    run = made(**TUNED).run
    folder = Path(run.task("tiny")).parent
    prepared.save(make_tiny_task(seed=1), folder, "other code")
    assert not made(**TUNED).run.trouble, "they are prepared anew first"
    prepared.save(make_tiny_task(seed=1), folder, run.loader_code("tiny"))
    run = made(**TUNED).run
    refused(run, "config/tiny.yaml: tuned: config/tuned/tiny.yaml is stale: tiny is another dataset than the one that")
    with pytest.raises(UserError, match="tiny is another dataset"):
        collect(run, False, "today")


def test_a_job_is_told_the_data_that_its_method_was_tuned_on(made, tiny_task, monkeypatch: pytest.MonkeyPatch):
    """A run may be planned before its data are prepared."""
    run = made(**TUNED).run
    assert tuned.option(run.tuned, "tiny", "kd-tuned") == f"--tuned-on {tiny_task.fingerprint}"
    assert tuned.option(run.tuned, "tiny@all", "kd-tuned") == f"--tuned-on {tiny_task.fingerprint}"
    assert tuned.option(run.tuned, "tiny", "kd") == tuned.option(None, "tiny", "kd-tuned") == ""
    key = "tiny/big/smallx4/kd-tuned"
    made(**TUNED).train("tiny/big")
    told = ["train", key, run.folder(key), "--plan", str(run.plan_file), "--seeds", "0-0", "--task", "data/tasks/tiny"]
    told += ["--teacher", run.folder("tiny/big"), "--device", "cpu", "--tuned-on"]
    monkeypatch.setattr("sys.argv", [*told, "0123"])
    with pytest.raises(SystemExit, match="error: data/tasks/tiny: is another dataset than the one that was tuned on"):
        train.main()
    monkeypatch.setattr("sys.argv", [*told, tiny_task.fingerprint])
    train.main()
    assert Records(Path(run.folder(key))).read(0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2", "config/tuned/tiny.yaml: cannot be read: "),
        ("{tune: " * 5000, "config/tuned/tiny.yaml: cannot be read: "),
        ("tune: {trials: 3}\n", "config/tuned/tiny.yaml: data: Field required"),
        ("tune: !!python/object:os.system x\n", "config/tuned/tiny.yaml: cannot be read: "),
        ("tune: 2020-01-01\n", "config/tuned/tiny.yaml: tune: must be a number, text, list or mapping"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(made, content: str, message: str):
    Path("config/tuned/tiny.yaml").write_text(content)
    refused(made(**TUNED).run, f"config/tiny.yaml: tuned: {message}")


def test_a_missing_file_is_refused_in_one_line(made):
    Path("config/tuned/tiny.yaml").unlink()
    refused(made(**TUNED).run, "config/tiny.yaml: tuned: config/tuned/tiny.yaml is missing; it is made by")


def failed(choice: Choice) -> Choice:
    """The same, where every trial failed at every seed."""
    lost = {"valid": {"smallx4": [None] * 2}, "note": "failed on smallx4, seed 1000", "rank": None}
    return choice.model_copy(
        update={"trials": [trial.model_copy(update=lost) for trial in choice.trials], "chosen": None}
    )


def test_where_no_trial_can_be_chosen_the_method_stands_once(made):
    file = Path("config/tuned/tiny.yaml")
    found = choices.read(file)
    without = [failed(choice) if choice.label == "gcrd" else choice for choice in found.choices]
    choices.write(file, found.model_copy(update={"choices": without}))
    run = made(**TUNED).run
    assert not run.trouble
    assert labels(run) == {"supervised", "kd", "kd-tuned", "fitnet", "gcrd"}
    assert [each["tuned"] for each in run.report_settings["tuning"]] == ["kd-tuned"]


def test_a_configuration_without_the_key_is_not_tuned(made):
    config = {key: value for key, value in TUNED.items() if key not in ("tune", "tuned")}
    run = made(**config).run
    with pytest.raises(SystemExit, match=r"error: config/tiny.yaml: tune: is missing; `tune: \{\}` takes its defaults"):
        _ = run.tuning_file


def choice(*scores: float, chosen: int, values: list[dict[str, Any]], space: dict[str, Any]) -> Choice:
    trials = [
        Trial(values=value, rank=1.0 + n, note="", valid={"a": [score, score + 0.2]}, trainings={})
        for n, (value, score) in enumerate(zip(values, scores, strict=True))
    ]
    return Choice(
        dataset="tiny",
        teacher="big",
        student="small",
        label="kd",
        method="kd",
        stated={},
        space=space,
        code="",
        settings={},
        chosen=chosen,
        trials=trials,
    )


def test_what_a_line_says_of_a_choice():
    beta = [{"beta": value} for value in (1.0, 10.0, 0.1)]
    own = choice(0.4, 0.5, 0.3, chosen=1, values=beta, space={"beta": [0.1, 1.0, 10.0]})
    made = Tuned(tune=Tune(), data={}, choices=[own])
    assert lines(made) == [
        "tiny, big to small: kd: beta 10.0; validation 0.6000 against 0.5000 by default "
        "(3 trials, its space holds no more; at the border: beta)"
    ]
    default = made.model_copy(update={"choices": [own.model_copy(update={"chosen": 0})]})
    assert lines(default)[0].startswith("tiny, big to small: kd: the default; validation 0.5000 against 0.5000 by")


def test_what_a_report_is_told_of_a_choice():
    values = [{"beta": 1.0, "kind": "x"}, {"beta": 5.0, "kind": "x"}, {"beta": 0.2, "kind": "y"}]
    space = {"beta": {"low": 0.1, "high": 10}, "kind": ["x", "y"]}
    own = choice(0.5, 0.6, 0.4, chosen=1, values=values, space=space)
    floor = choice(0.3, chosen=0, values=[{}], space={}).model_copy(update={"label": "supervised"})
    made = choices.Tuned(tune={"trials": 3}, data={}, choices=[floor, own])
    (shown,) = made.shown()
    assert shown["valid"] == {"a": [pytest.approx(x) for x in (0.6, 0.7, 0.5)]}
    assert shown["floor"] == {"a": pytest.approx(0.4)}
    assert shown["values"] == "beta 5.0, kind x"
    assert shown["borders"] == ["beta"], "5 is the largest that was tried"
    assert shown["tried"] == values
    assert shown["scores"] == {"a": [trial.valid["a"] for trial in own.trials]}
    assert (shown["base"], shown["base_scores"]) == ("supervised", floor.trials[0].valid)
    (shown,) = made.model_copy(update={"choices": [own.model_copy(update={"chosen": 0})]}).shown()
    assert (shown["borders"], shown["floor"]) == ([], {})
