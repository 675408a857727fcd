"""What is trained again: what failed, is missing, damaged or stale, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.rows import PASSING, Status
from tests.workflow.steps.conftest import FLOOR, KD, TEACHER, measurement
from workflow import prepared
from workflow.errors import UserError
from workflow.files import write_text
from workflow.ledger import Ledger, Measured
from workflow.steps import retry
from workflow.training.block import Block
from workflow.training.outcome import Outcome
from workflow.training.records import Records


@pytest.fixture
def trained(tiny):
    run = tiny()
    run.train()
    return run


def fail(run, key: str, seed: int, status: Status) -> None:
    """Makes a training's record one of a training that failed."""
    record = run.records(key).read(seed)
    row = record.row.model_copy(update={"status": status, "reason": "by chance", "test": None})
    run.rewrite(key, record.model_copy(update={"row": row, "knowledge": ""}))


def markers(run, key: str) -> set[str]:
    return {path.name for path in Path(run.run.folder(key)).glob("seeds~*")}


def watch(monkeypatch) -> list[tuple[str, int]]:
    """A list of the trainings from now on."""
    seen = []
    real = Block._guarded
    monkeypatch.setattr(
        Block, "_guarded", lambda self, seed, *more: (seen.append((self.spec.key, seed)), real(self, seed, *more))[1]
    )
    return seen


def test_a_whole_run_has_nothing_to_retry(trained):
    assert not retry.forget(trained.run, PASSING)
    assert markers(trained, KD) == {"seeds~0-1.json", "seeds~2-2.json"}


@pytest.mark.parametrize("status", ["oom", "failed"])
def test_only_seeds_of_a_status_are_trained_again(trained, monkeypatch, status):
    before = trained.collect()
    fail(trained, KD, 1, Status(status))
    fail(trained, FLOOR, 0, Status.DIVERGED)
    assert retry.forget(trained.run, (status,)) == {status: 1}
    assert markers(trained, KD) == {"seeds~2-2.json"}
    assert markers(trained, FLOOR) == {"seeds~0-1.json", "seeds~2-2.json"}
    seen = watch(monkeypatch)
    trained.train()
    assert seen == [(KD, 1)]
    after = trained.collect()
    same = after["method"] == "kd"
    assert (
        after[same]
        .drop(columns=["seconds", "peak_memory_mb"])
        .equals(before[same].drop(columns=["seconds", "peak_memory_mb"]))
    )


def test_a_teacher_that_comes_right_has_its_students_trained_again(trained, monkeypatch):
    """They failed only because it did; and the floor could not be compared with it."""
    before = trained.collect()
    fail(trained, TEACHER, 1, Status.OOM)
    trained.train(KD, FLOOR)
    assert trained.records(KD).read(1).row.status == "failed"
    floor = trained.records(FLOOR).read(1).row
    assert (floor.status, floor.agreement) == ("ok", None)
    assert retry.forget(trained.run, PASSING) == {"oom": 1, "failed": 1}
    seen = watch(monkeypatch)
    trained.train()
    assert seen == [(TEACHER, 1), (FLOOR, 1), (KD, 1)]
    timed = ["seconds", "peak_memory_mb"]
    assert trained.collect().drop(columns=timed).equals(before.drop(columns=timed))


def test_a_teacher_of_which_nothing_is_left_is_missing_once_a_student_needs_it(trained, monkeypatch):
    """Its record alone helps nobody; and what nobody asks for is not trained again."""
    before = trained.collect()
    teacher = trained.records(TEACHER)
    for seed in (0, 1):
        teacher.weights(seed).unlink()
        teacher.knowledge(seed).unlink()
    assert not retry.forget(trained.run, PASSING)
    trained.records(KD).file(1).unlink()
    with pytest.raises(UserError, match="run abkd-bench retry"):
        trained.train(KD)
    assert retry.forget(trained.run, PASSING) == {"missing": 2}
    seen = watch(monkeypatch)
    trained.train()
    assert seen == [(TEACHER, 1), (KD, 1)]
    timed = ["seconds", "peak_memory_mb"]
    assert trained.collect().drop(columns=timed).equals(before.drop(columns=timed))


def test_missing_and_stale_ones_are_trained_again_whatever_the_status(trained, monkeypatch):
    trained.records(KD).file(2).unlink()
    record = trained.records(FLOOR).read(0)
    stale = record.model_copy(update={"basis": record.basis.model_copy(update={"data": "other"})})
    trained.records(FLOOR).write(stale)
    assert retry.forget(trained.run, ("oom",)) == {"missing": 2}
    seen = watch(monkeypatch)
    trained.train()
    assert sorted(seen) == [(KD, 2), (FLOOR, 0)]


def test_a_record_that_was_edited_is_trained_again(trained, monkeypatch):
    """And no block of another size says of it that it is done."""
    file, record = trained.records(KD).file(1), trained.records(KD).read(1)
    file.write_text(file.read_text().replace('"test": 0.', '"test": 0.9'))
    trained.records(KD).finish("0-5", [record])
    assert retry.forget(trained.run, ()) == {"missing": 1}
    assert markers(trained, KD) == {"seeds~2-2.json"}
    seen = watch(monkeypatch)
    trained.train()
    assert seen == [(KD, 1)]


def test_a_wrong_measurement_is_measured_again(trained):
    trained.measure()
    file = Path(trained.run.measurement("tiny"))
    assert not retry.forget(trained.run, ())
    file.write_text("[]")
    assert retry.forget(trained.run, ()) == {"measurement": 1}
    assert not file.exists()


def test_data_prepared_by_other_code_are_prepared_again(trained, monkeypatch):
    monkeypatch.setattr(trained.run, "loader_code", lambda dataset: "other")
    retry.forget(trained.run, ())
    assert not Path(trained.run.task("tiny")).exists()


@pytest.mark.parametrize("name", ["task.json", prepared.CODE])
@pytest.mark.parametrize("content", ["", '{"name": "ti', "[]", "\ufffd"])
def test_data_whose_files_are_not_whole_are_prepared_again(name, content, trained, tiny_task, monkeypatch):
    """And what rests on them is trained again, or found again where the data come out the same."""
    folder = Path(trained.run.task("tiny")).parent
    (folder / name).write_bytes(content.encode("latin-1", "ignore") or b"\xff" * len(content))
    assert Ledger(trained.run).fingerprints == {"tiny": ""}
    assert retry.forget(trained.run, ()).total() == len(list(Ledger(trained.run)))
    assert not (folder / "task.json").exists()
    prepared.save(tiny_task, folder, trained.run.loader_code("tiny"))
    seen = watch(monkeypatch)
    trained.train()
    assert not seen, "the data are the same"


def test_outcomes_have_the_words_that_retry_takes():
    assert set(PASSING) < set(Status)
    assert Outcome(Status.OOM).status in PASSING


@pytest.mark.parametrize(
    ("options", "rule", "more"),
    [
        (["--cores", "2"], "collect", []),
        (["tune"], "tune", []),
        (["--cores", "2"], "collect", ["--config", "seeds=3", "alpha=0.1"]),
    ],
)
def test_a_finished_result_keeps_nothing_from_being_trained(tiny, monkeypatch, options, rule, more):
    """Snakemake asks for no file behind it; and a target behind --configfile would be a second file."""
    made = tiny(tune={"trials": 2, "seeds": 2})
    made.tune()
    made.train()
    for run in (made.run, made.run.tuning):
        cell = next(iter(run.plan.cells))
        Records(Path(run.folder(cell))).file(run.config.first_seed).unlink()
    asked: list[list[str]] = []
    monkeypatch.setattr(retry.overrides, "load", lambda file, changes: made.run.stated)
    monkeypatch.setattr(retry.subprocess, "run", lambda command, check: asked.append(command) or Done())
    retry.retry(Path("config/tiny.yaml"), (), [*options, *more[:2]], more[2:])
    (command,) = asked
    changed = ["--config", "alpha=0.1", "seeds=3"] if more else []
    assert command[3:] == [*options, "--forcerun", rule, *changed, "--configfile", "config/tiny.yaml"]


class Done:
    returncode = 0


def test_a_dry_run_tells_and_drops_nothing(trained, monkeypatch, capsys):
    fail(trained, KD, 1, Status.FAILED)
    monkeypatch.setattr(retry.overrides, "load", lambda file, changes: trained.run.stated)
    monkeypatch.setattr(retry.subprocess, "run", lambda *_, **__: pytest.fail("nothing is run"))
    for option in ("-n", "--dry-run", "-np"):
        assert retry.retry(Path("config/tiny.yaml"), PASSING, [option], []) == 0
    assert capsys.readouterr().out.splitlines() == 3 * ["would train again: 1 failed"]
    assert trained.records(KD).read(1).row.status == Status.FAILED
    assert markers(trained, KD) == {"seeds~0-1.json", "seeds~2-2.json"}


def test_trials_of_a_configuration_that_tunes_nothing_are_refused_before_anything_is_dropped(trained, monkeypatch):
    fail(trained, KD, 1, Status.FAILED)
    monkeypatch.setattr(retry.overrides, "load", lambda file, changes: trained.run.stated)
    with pytest.raises(UserError, match=r"^config/tiny.yaml: tune: is missing; "):
        retry.retry(Path("config/tiny.yaml"), PASSING, ["tune"], [])
    assert trained.records(KD).read(1)


def test_measurements_that_failed_are_made_again(trained):
    """As those that the memory did not suffice for."""
    rows = [measurement("tiny", network, Status.FAILED) for network in trained.run.plan.networks("tiny")]
    told = Measured(data=Ledger(trained.run).fingerprints["tiny"], device="cpu", rows=rows).sealed()
    write_text(trained.run.measurement("tiny"), told.model_dump_json())
    assert retry.forget(trained.run, (Status.OOM,)) == {}
    assert retry.forget(trained.run, (Status.FAILED,)) == {"measurement": 1}
    assert not Path(trained.run.measurement("tiny")).exists()
