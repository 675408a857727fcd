"""No row of another spec, of other code, data or teacher becomes a number of this run."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.workflow.steps.conftest import CONFIG, FLOOR, KD, TEACHER
from workflow import catalog, prepared, sources
from workflow.config import load
from workflow.errors import UserError
from workflow.files import write_text
from workflow.ledger import Measured, prepared_task
from workflow.run import Run
from workflow.steps import collect, retry


@pytest.fixture
def trained(tiny):
    run = tiny()
    run.train()
    return run


def test_a_whole_run_is_its_rows(trained):
    runs = trained.collect()
    assert len(runs) == 3 * 3
    assert (runs["status"] == "ok").all()
    provenance = json.loads(Path("results/tiny/provenance.json").read_text())
    assert provenance["config_file"] == "config/tiny.yaml"
    assert list(provenance["fingerprints"]) == ["tiny"]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n", "AMD EPYC, family 26, model 2"),
        ("model name: A kind: of its own", "A kind: of its own"),
    ],
)
def test_a_processor_is_told_by_its_generation(told, name, tmp_path):
    """Whose roundings are its own, where its name is that of all."""
    (tmp_path / "cpuinfo").write_text(told)
    assert collect.processor(tmp_path / "cpuinfo") == name
    assert collect.processor(tmp_path / "absent")


def test_new_hyperparameters_never_stand_over_old_rows(trained, tiny):
    """As seen: kd's temperature changed after the run, with `.snakemake` gone."""
    trained.collect()
    other = tiny(methods={"supervised": None, "kd": {"temperature": 8}})
    with pytest.raises(UserError) as told:
        other.collect()
    assert str(told.value) == (
        f"results/tiny: 3 of 9 trainings do not belong to config/tiny.yaml: {KD}, seed 0 (missing); "
        f"{KD}, seed 1 (missing); {KD}, seed 2 (missing); train them with: abkd-bench retry config/tiny.yaml"
    )
    other.train(KD)
    assert (other.collect()["status"] == "ok").all()


def test_a_folder_that_was_copied_to_another_name_is_refused(trained, tiny):
    """The old records under the new name: what the folder is called is not believed."""
    other = tiny(methods={"supervised": None, "kd": {"temperature": 8}})
    shutil.copytree(trained.run.folder(KD), other.run.folder(KD))
    with pytest.raises(UserError, match=r"kd, seed 0 \(stale: rests on another training than this run\)"):
        other.collect()


def test_rows_of_other_data_are_refused(trained, tiny_task):
    arrays = {**tiny_task.arrays, "features": tiny_task.arrays["features"] + 1}
    changed = type(tiny_task)(**{**tiny_task.__dict__, "arrays": arrays}).finish()
    prepared.save(changed, Path(trained.run.task("tiny")).parent, trained.run.loader_code("tiny"))
    with pytest.raises(UserError, match=r"9 of 9 trainings .* \(stale: rests on another data than this run\)"):
        trained.collect()


def test_a_task_prepared_by_other_code_is_refused(trained, monkeypatch):
    real = sources.digest
    monkeypatch.setattr(sources, "digest", lambda *a: real(*a) + "x" * (a[0] == "data"))
    with pytest.raises(UserError, match="tiny is not prepared, or by other code or from other files than now"):
        trained.collect()


def test_students_of_another_teacher_are_refused(trained):
    """Its knowledge was exchanged after they had learned: taught anew by hand, or copied from elsewhere."""
    records = trained.records(TEACHER)
    one, other = records.read(0), records.read(1)
    trained.rewrite(TEACHER, one.model_copy(update={"knowledge": other.knowledge}))
    with pytest.raises(UserError) as told:
        trained.collect()
    assert "2 of 9 trainings" in str(told.value), "the floor was compared with it"
    for key in (FLOOR, KD):
        assert f"{key}, seed 0 (stale: rests on another teacher than this run)" in str(told.value)


def test_rows_of_another_device_are_refused(trained, tiny):
    for key in (TEACHER, FLOOR, KD):
        record = trained.records(key).read(2)
        trained.rewrite(key, record.model_copy(update={"basis": record.basis.model_copy(update={"device": "x"})}))
    trained.collect()  # `auto` says nothing of the device
    with pytest.raises(UserError, match=r"3 of 9 .* rests on another device"):
        tiny(device="cpu").collect()


@pytest.mark.parametrize("harm", ["truncate", "empty", "not-json", "another-seed", "remove"])
def test_damaged_records_are_named(trained, harm):
    file = trained.records(KD).file(1)
    content = file.read_bytes()
    damage = {
        "truncate": content[: len(content) // 2],
        "empty": b"",
        "not-json": b"\x00\xff",
        "another-seed": trained.records(KD).file(2).read_bytes(),
    }
    if harm == "remove":
        file.unlink()
    else:
        file.write_bytes(damage[harm])
    with pytest.raises(UserError, match=rf"1 of 9 trainings .*{KD}, seed 1 \((damaged|missing)"):
        trained.collect()
    (row,) = trained.collect(unfinished=True).query("status == 'missing'").to_dict("records")
    assert (row["method"], row["seed"]) == ("kd", 1)


@pytest.mark.parametrize("unfinished", [False, True])
def test_an_edited_record_is_not_believed(trained, unfinished):
    file = trained.records(KD).file(1)
    edited = json.loads(file.read_text())
    edited["row"]["test"] = 0.999
    file.write_text(json.dumps(edited))
    told = f"damaged: {file}: is not as its training has left it"
    if unfinished:
        (row,) = trained.collect(unfinished=True).query("status == 'missing'").to_dict("records")
        assert (row["method"], row["seed"], row["reason"]) == ("kd", 1, told)
        return
    with pytest.raises(UserError) as error:
        trained.collect()
    assert f"{KD}, seed 1 ({told})" in str(error.value)
    assert str(error.value).endswith("train them with: abkd-bench retry config/tiny.yaml")


def measured(told: dict, **changes: object) -> str:
    """A file of measurements, changed and sealed anew, as a job of another run may have left it."""
    return Measured.model_validate_json(json.dumps(told | changes)).sealed().model_dump_json()


def faster(told: dict) -> str:
    return json.dumps(told | {"rows": [row | {"latency_ms_median": 0.001} for row in told["rows"]]})


def of_another_dataset(told: dict) -> str:
    return measured(told, rows=[row | {"dataset": "cora"} for row in told["rows"]])


HARM = {
    "nothing": (lambda told: "[]", "damaged: 1 validation error for Measured"),
    "an earlier form": (lambda told: json.dumps(told["rows"]), "damaged: 1 validation error for Measured"),
    "half": (lambda told: json.dumps(told)[:99], "damaged: 1 validation error for Measured"),
    "edited": (faster, "damaged: is not as its job has left it"),
    "no rows": (lambda told: measured(told, rows=[]), "stale: holds other networks than this run"),
    "a network less": (
        lambda told: measured(told, rows=told["rows"][1:]),
        "stale: holds other networks than this run",
    ),
    "another dataset": (of_another_dataset, "stale: holds other networks than this run"),
    "another device": (lambda told: measured(told, device="cuda"), "stale: rests on another device than this run"),
    "other data": (lambda told: measured(told, data="0"), "stale: rests on another data than this run"),
}


@pytest.mark.parametrize("harm", HARM)
def test_measurements_are_those_of_the_plan(trained, harm: str, capsys):
    """Else sizes and latencies of other networks or data would stand in the tables."""
    assert len(trained.collect())
    change, told = HARM[harm]
    file = Path(trained.run.measurement("tiny"))
    file.write_text(change(json.loads(file.read_text())))
    message = f"{file}: {told}; measure again with: abkd-bench retry config/tiny.yaml"
    with pytest.raises(UserError) as error:
        trained.collect()
    assert str(error.value) == message
    assert len(trained.collect(unfinished=True)) == 9, "the page of what there is stands without them"
    assert message in capsys.readouterr().err
    assert not Path("results/tiny/measurements.csv").read_text().splitlines()[1:]


def test_what_is_missing_is_a_row(tiny):
    run = tiny()
    run.train(TEACHER, FLOOR)
    with pytest.raises(UserError, match="3 of 9"):
        run.collect()
    log = Path(run.run.log(KD, "0-1"))
    log.parent.mkdir(parents=True)
    log.touch()
    runs = run.collect(unfinished=True)
    missing = runs[runs["status"] == "missing"]
    assert set(missing["method"]) == {"kd"} and len(missing) == 3
    assert set(missing["reason"]) == {"not begun", f"not trained; see {log}"}
    assert missing[["train", "valid", "test"]].isna().all(axis=None)
    assert (missing["student_params"] == runs[runs["method"] == "supervised"]["student_params"].iloc[0]).all()


def test_a_run_looked_at_while_it_ends_unfinished_is_collected_anew(tiny, monkeypatch):
    """Snakemake would take its tables for newer than the configuration, and never ask for what is missing."""
    made = tiny()
    file = Path(made.run.config_file)
    monkeypatch.setattr(collect, "collect", lambda *told: tiny().run.config_file)
    monkeypatch.setattr(sys, "argv", ["collect", str(file), "--unfinished"])
    collect.main()
    assert not file.exists()


def test_nothing_at_all_is_rows_too(tiny):
    runs = tiny().collect(unfinished=True)
    assert len(runs) == 9 and (runs["status"] == "missing").all()


def test_controls_are_rows_beside_the_methods(tiny):
    """The floor for longer, label smoothing, shuffled targets, and a teacher of the student's own size."""
    run = tiny(methods=dict.fromkeys(["supervised", "kd", "longer", "label-smoothing", "shuffled", "self"]))
    run.train()
    rows = run.collect()
    assert set(rows["status"]) == {"ok"}
    students = rows[rows["method"] != "teacher"]
    assert set(students["teacher"]) == {"big"}
    assert dict(students.groupby("method")["epochs"].first()) == {
        "supervised": 4,
        "kd": 4,
        "longer": 12,
        "label-smoothing": 4,
        "shuffled": 4,
        "self": 4,
    }
    teachers = rows[rows["method"] == "teacher"]
    assert set(teachers["teacher"]) == {"big", "smallx4.own"}


def test_what_an_included_file_states_is_read_once(tiny, monkeypatch):
    """Its texts were once read as YAML when the rows were collected, after everything was trained."""
    stated = yaml.safe_dump(CONFIG | {"title": "ABKD: few labels"})
    write_text("config/base.yaml", stated)
    write_text("config/inc.yaml", "include: base.yaml\nseeds: 2\n")
    run = Run(load("config/inc.yaml"), "config/inc.yaml")
    monkeypatch.setattr(sys, "argv", ["collect", run.config_file, "--unfinished"])
    collect.main()
    assert pd.read_parquet("results/inc/runs.parquet")["seed"].nunique() == 2
    assert json.loads(Path("results/inc/provenance.json").read_text())["config"]["title"] == "ABKD: few labels"


def test_data_from_another_folder_are_not_those_that_were_prepared(tiny, tiny_task, monkeypatch):
    """Whatever Snakemake remembers; a published configuration names the last part of a path alone."""
    monkeypatch.setattr(catalog, "settings", lambda name: ("planetoid_root",))
    here, there = ({"data": {"planetoid_root": place}} for place in ("/raw/here", "/raw/there"))
    run = tiny(**here)
    folder = Path(run.run.task("tiny")).parent
    prepared.save(tiny_task, folder, run.run.loader_code("tiny"), run.run.data_settings("tiny"))
    run.train()
    assert (run.collect()["status"] == "ok").all()
    with pytest.raises(UserError, match="tiny is not prepared, or by other code or from other files than now"):
        tiny(**there).collect()
    told = json.loads(Path("results/tiny/provenance.json").read_text())["config"]
    assert told["data"]["planetoid_root"] == "…/here"
    assert prepared_task(tiny(data=told["data"]).run, "tiny")
    assert not prepared_task(tiny(data={"planetoid_root": "…/there"}).run, "tiny")
    retry.forget(tiny(**there).run, ())
    assert not (folder / "task.json").exists()
