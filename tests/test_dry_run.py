"""What Snakemake plans of every shipped configuration, and what it says of a mistake in one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import methods
from tests.checkouts import ROOT, copy_code, jobs, snakemake
from workflow import earlier, plan, tuned
from workflow.config import load
from workflow.files import write_text
from workflow.schemas.configuration import Configuration
from workflow.specs import Plan

SHIPPED = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code alone in an empty folder: no results, no prepared data; with the plans of all shipped configurations.

    What a start of Python for each of them would build lies there as if it had: tests/test_end_to_end.py starts that.
    """
    folder = copy_code(tmp_path_factory.mktemp("checkout"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(plan, "_planned", _planned)
        for name in SHIPPED:
            where = f"config/{name}"
            stated = load(Path(where))
            config, used, _ = tuned.used(stated, where)
            earlier.planned(config, where, stated, used, Path("data/tasks"))
    return folder


def _planned(told: list[Any], where: str, file: Path) -> Plan:
    """As `plan._planned`, in this process."""
    config, stated = (Configuration.model_validate(known) for known in told[:2])
    made = plan.build(config, where, stated, dict(told[2]))
    write_text(file, made.model_dump_json())
    return made


@pytest.mark.parametrize("name", SHIPPED)
def test_dry_run(checkout, name):
    config, _, trouble = tuned.used(load(ROOT / "config" / name), str(ROOT / "config" / name))
    assert not trouble
    found = jobs(snakemake(checkout, "-n", "--configfile", f"config/{name}"))
    pairs = {(e.task, t) for e in config.experiments for t in e.teachers}
    assert found["prepare"] == found["measure"] == len({dataset for dataset, _ in pairs})
    students = {  # of which some method wants a teacher of their own size
        (e.task, s.model, size, teacher if s.ratios else "")  # a ratio is another size beside another teacher
        for e in config.experiments
        for s in e.students
        for size in s.ratios or s.widths
        for teacher in e.teachers
        if any(methods.own_size(config.method_id(label)) for label in config.chosen(e))
    }
    assert found["teach"] == (len(pairs) + len(students)) * len(config.seed_blocks("teach"))
    cells = sum(
        len(e.teachers) * len(config.chosen(e)) * len(s.ratios or s.widths)
        for e in config.experiments
        for s in e.students
    )
    assert found["distill"] == cells * len(config.seed_blocks("distill"))


def test_trainings_know_their_attempt(checkout):
    """And a cluster's, whether it is the last (`workflow.job`)."""
    answer = snakemake(checkout, "-n", "-p", "--attempt", "2", "--configfile", "config/smoke.yaml")
    found = jobs(answer)
    assert answer.stdout.count("ABKD_ATTEMPT=2 logged ") == found["teach"] + found["distill"]


@pytest.mark.parametrize("name", SHIPPED)
def test_lint(checkout, name):
    answer = snakemake(checkout, "--lint", "--configfile", f"config/{name}")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_bare_snakemake_plans_the_default(checkout):
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "snakemake", "-n", "--nocolor"]
    answer = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert jobs(answer) == jobs(snakemake(checkout, "-n", "--configfile", "config/quick.yaml"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seeds=many", "config/smoke.yaml: seeds: must be an integer, not 'many'"),
        ("sedes=3", "config/smoke.yaml: sedes: unknown key (did you mean 'seeds'?)"),
        ("reference=abc", "config/smoke.yaml: reference: unknown method 'abc'"),
    ],
)
def test_a_mistake_in_the_config_is_one_line(checkout, change, message):
    answer = snakemake(checkout, "-n", "--configfile", "config/smoke.yaml", "--config", change)
    assert answer.returncode != 0
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_two_configurations_are_no_run(checkout):
    """Snakemake would merge them: one's keys under the other's name."""
    answer = snakemake(checkout, "-n", "--configfile", "config/quick.yaml", "config/smoke.yaml")
    assert answer.returncode != 0
    assert re.search(
        r"^error: --configfile: \S+quick.yaml, \S+smoke.yaml: one configuration", answer.stderr, flags=re.M
    )
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(("slots", "wrong"), [("4", False), ("0", True)])
def test_jobs_may_share_a_gpu(checkout, slots, wrong):
    answer = snakemake(checkout, "-n", "--configfile", "config/smoke.yaml", "--resources", f"gpu_slots={slots}")
    assert (answer.returncode != 0) == wrong
    assert ("gpu_slots: must be a whole number" in answer.stderr) == wrong
    assert "Traceback" not in answer.stderr
