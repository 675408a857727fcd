"""Runs in which things go wrong: what failed is a row, what is missing is named, and the page is made all the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.checkouts import call, copy_code, jobs, snakemake

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]
CONFIG = {
    "title": "Troubles",
    "seeds": 2,
    "seeds_per_job": {"teach": 2, "distill": 2},
    "training": {"epochs": 3},
    "models": {"gcn-3x16": {"model": "gcn", "layers": 3, "width": 16}, "gcn-2": {"model": "gcn"}},
    "methods": dict.fromkeys(("supervised", "kd")),
    "experiments": [
        {"dataset": "ace-sim-mini", "teachers": ["gcn-3x16"], "students": [{"model": "gcn-2", "widths": [4]}]}
    ],
}
TROUBLES = {
    "raises": ("raise RuntimeError('no\\nluck')", "failed", "baselines/raises.py:21: RuntimeError: no luck"),
    "hangs": ("time.sleep(1e6)", "failed", "took longer than 12 s"),
    "greedy": ("torch.empty(2**55)", "oom", "memory"),
    "wrong-shape": (
        "return {'a': torch.ones(3, requires_grad=True) * student.logits.sum()}",
        "failed",
        "its shape is [3]",
    ),
    "not-a-number": ("return {'a': student.logits.sum() * float('nan')}", "diverged", "loss nan"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "failed", "killed, signal 9 (SIGKILL): out of memory?"),
    "own-random": ("return {'a': torch.rand(()) * student.logits.sum()}", "failed", "HiddenRandomnessError"),
}
METHOD = '''
"""A method in trouble."""

import os
import signal
import time

import torch

from methods.contract import Method


class Trouble(Method):
    """Trouble."""

    title = "{name}"
    year = 2026
    citation = "trouble2026"
    bibtex = "@misc{{trouble2026, title = {{Trouble}}, author = {{Nobody}}, year = {{2026}}}}"

    def forward(self, student, teacher, batch):
        {body}
'''


def write(folder: Path, name: str, **changes: object) -> None:
    (folder / "config" / f"{name}.yaml").write_text(yaml.safe_dump({**CONFIG, **changes}, sort_keys=False))


def rows_of(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "results" / name / "runs.parquet")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, prepared) -> Path:
    folder = copy_code(tmp_path_factory.mktemp("troubled"), prepared)
    for name, (body, _, _) in TROUBLES.items():
        text = textwrap.dedent(METHOD).lstrip().format(name=name, body=body)
        (folder / "baselines" / f"{name.replace('-', '_')}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def failing(checkout):
    """A run of all troubles, which ends well: they are rows."""
    write(checkout, "failing", time_limit=0.2, methods=dict.fromkeys(("supervised", "kd", *TROUBLES)))
    answer = snakemake(checkout, "--configfile", "config/failing.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer


@pytest.mark.parametrize("name", list(TROUBLES))
def test_failures_are_rows_with_status_and_reason(checkout, failing, name):
    _, status, reason = TROUBLES[name]
    rows = rows_of(checkout, "failing")
    mine = rows[rows["method"] == name]
    assert list(mine["status"]) == [status, status], mine["reason"].tolist()
    assert mine["reason"].str.contains(reason, regex=False).all(), mine["reason"].tolist()
    assert mine["test"].isna().all()
    page = (checkout / "results" / "failing" / "index.html").read_text()
    assert name in page and reason.split(":")[0] in page
    assert name in failing.stdout, "the summary names what failed"


def test_the_rest_goes_on(checkout, failing):
    rows = rows_of(checkout, "failing")
    assert (rows[rows["method"].isin(["supervised", "kd", "teacher"])]["status"] == "ok").all()


def test_on_failure_stop_ends_with_an_error_and_a_page(checkout, failing):
    """The same rows; nothing is trained again."""
    before = rows_of(checkout, "failing")
    page = checkout / "results" / "failing" / "index.html"
    page.unlink()
    answer = snakemake(checkout, "--configfile", "config/failing.yaml", "--config", "on_failure=stop")
    assert answer.returncode != 0
    assert "on_failure is stop, and 2 of 2 trainings failed" in answer.stdout + answer.stderr
    assert page.exists()
    assert rows_of(checkout, "failing").equals(before)


def test_what_cannot_be_prepared_leaves_a_page_of_the_rest(checkout, tmp_path):
    """A dataset whose files are not there: its trainings are missing, the other's are compared."""
    cora = {"dataset": "cora", "teachers": ["gcn-3x16"], "students": [{"model": "gcn-2", "widths": [4]}]}
    write(checkout, "half", experiments=[*CONFIG["experiments"], cora], data={"planetoid_root": str(tmp_path)})
    answer = snakemake(checkout, "--configfile", "config/half.yaml")
    told = answer.stdout + answer.stderr
    assert answer.returncode != 0
    assert "Traceback" not in told
    assert "planetoid" in told, "the reason is told"
    rows = rows_of(checkout, "half")
    assert dict(rows.groupby("dataset")["status"].unique().map(list)) == {"ace-sim-mini": ["ok"], "cora": ["missing"]}
    page = (checkout / "results" / "half" / "index.html").read_text()
    assert "unfinished" in page
    again = snakemake(checkout, "-n", "--configfile", "config/half.yaml")
    assert re.search(r"^collect +1$", again.stdout, flags=re.M), "an unfinished page passes for a finished one"
    assert "results/half/index.html" in answer.stdout and "missing" in answer.stdout
    assert "to go on: snakemake --configfile config/half.yaml" in answer.stdout


def test_a_lost_memory_of_snakemake_changes_no_number(checkout):
    """Another temperature, and `.snakemake` was not copied along: kd is trained anew, and nothing else."""
    write(checkout, "lost")
    assert snakemake(checkout, "--configfile", "config/lost.yaml").returncode == 0
    before = rows_of(checkout, "lost")
    shutil.rmtree(checkout / ".snakemake")
    write(checkout, "lost", methods={"supervised": None, "kd": {"temperature": 9}})
    answer = snakemake(checkout, "--configfile", "config/lost.yaml", "--rerun-triggers", "mtime")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    after = rows_of(checkout, "lost")
    kept = before["method"] != "kd"
    assert after[kept].equals(before[kept])
    assert (after[~kept]["config_hash"] != before[~kept]["config_hash"]).all()
    assert not after[~kept]["valid"].equals(before[~kept]["valid"])


def test_results_of_a_fast_clock_are_made_anew_all_the_same(checkout):
    """Their files are newer than the configuration that was changed after them."""
    write(checkout, "clock")
    assert snakemake(checkout, "--configfile", "config/clock.yaml").returncode == 0
    ahead = time.time() + 2 * 24 * 3600
    for file in (checkout / "results" / "clock").rglob("*"):
        os.utime(file, (ahead, ahead))
    assert not jobs(snakemake(checkout, "-n", "--configfile", "config/clock.yaml"))
    for changes in ({"title": "Another"}, {"alpha": 0.1}, {"reference": "supervised"}):
        write(checkout, "clock", **changes)
        found = jobs(snakemake(checkout, "-n", "--configfile", "config/clock.yaml"))
        assert {"collect", "report"} <= set(found), changes


def test_retry_trains_what_passed_with_the_moment(checkout):
    """Whoever was killed by others' memory is trained by one command, and only that."""
    write(checkout, "passing", methods=dict.fromkeys(("supervised", "kd", "raises")))
    assert snakemake(checkout, "--configfile", "config/passing.yaml").returncode == 0
    before = rows_of(checkout, "passing")
    file = checkout / "baselines" / "raises.py"
    assert (before[before["method"] == "raises"]["status"] == "failed").all()
    command = ["workflow.cli", "retry", "config/passing.yaml", "--", "--cores", "2", "--nocolor"]
    answer = call(checkout, *command)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "training again: 2 failed" in answer.stdout
    assert len(re.findall(r"^Job \d+: .* by (\S+) on ", answer.stdout + answer.stderr, flags=re.M)) == 1
    assert " by raises on " in answer.stdout + answer.stderr, "a finished page must not keep it from being trained"
    after = rows_of(checkout, "passing")
    others = before["method"] != "raises"
    assert after[others].equals(before[others])
    assert file.exists() and len(after) == len(before)


def test_a_folder_that_cannot_be_written_is_one_line(checkout):
    """Before anything is trained."""
    write(checkout, "frozen")
    results = checkout / "results" / "frozen"
    results.mkdir(parents=True)
    mount = ["mount", "--bind", str(results), str(results)]
    if os.geteuid() or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("NO READ-ONLY FOLDER: this user may not mount one")
    try:
        subprocess.check_call(["mount", "-o", "remount,ro,bind", str(results)])
        answer = snakemake(checkout, "--configfile", "config/frozen.yaml")
    finally:
        subprocess.call(["umount", "-l", str(results)])
    told = answer.stdout + answer.stderr
    assert answer.returncode != 0
    assert "error: results/frozen: Read-only file system" in told
    assert "Traceback" not in told and "teaching" not in told


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], stderr=subprocess.DEVNULL
    )
    if not mounted:
        pytest.skip("NO SMALL DISK: this user may not mount a tmpfs")
    yield folder
    subprocess.call(["umount", "-l", str(folder)])


def test_a_full_disk_is_named_and_leaves_nothing_half_written(small_disk, prepared):
    """When there is room again, the same command completes the run."""
    folder = copy_code(small_disk / "code", prepared)
    write(folder, "full", models={**CONFIG["models"], "gcn-3x16": {"model": "gcn", "layers": 3, "width": 500}})
    answer = snakemake(folder, "--configfile", "config/full.yaml")
    told = answer.stdout + answer.stderr
    assert answer.returncode != 0
    assert "No space left" in told or "space" in told.lower()
    assert not list((folder / "results").rglob("knowledge/*")) or not list((folder / "results").rglob("seeds~*.json"))
    assert subprocess.call(["mount", "-o", "remount,size=400m", str(small_disk)]) == 0
    answer = snakemake(folder, "--configfile", "config/full.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert (rows_of(folder, "full")["status"] == "ok").all()
