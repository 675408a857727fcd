"""The GPUs of a machine, and who gets which."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from tests.workflow.samples import ROOT
from workflow import gpus


def test_gpus_are_asked_of_torch_where_there_is_a_sign_of_one(monkeypatch, tmp_path):
    """WSL2 has no /dev/nvidiactl."""
    asked = []
    answer = subprocess.CompletedProcess([], 0, stdout="2\n")
    monkeypatch.setattr(gpus.subprocess, "run", lambda *a, **k: asked.append(a) or answer)
    monkeypatch.setattr(gpus.shutil, "which", lambda name: None)
    monkeypatch.setattr(gpus, "SIGNS", (str(tmp_path / "dxg"),))
    gpus.count.cache_clear()
    assert (gpus.count(), len(asked)) == (0, 0)
    (tmp_path / "dxg").touch()
    gpus.count.cache_clear()
    assert (gpus.count(), len(asked)) == (2, 1)
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        gpus.count.cache_clear()
        assert (gpus.count(), len(asked)) == (0, 1)
    gpus.count.cache_clear()


@pytest.fixture
def job(tmp_path):
    """Starts jobs on the GPUs 5 and 3, which tell theirs and go on until they are killed."""
    code = (
        "import os; from workflow.gpus import claimed\n"
        "with claimed(): print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); input()"
    )
    started = []

    def start(slots: int) -> subprocess.Popen:
        own = {"ABKD_GPUS": "2", "ABKD_GPU_SLOTS": str(slots), "TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "5,3"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **own}, cwd=ROOT, **pipes))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def taken(job: subprocess.Popen) -> str:
    return job.stdout.readline().strip()


def test_each_job_has_a_gpu_of_its_own(job):
    """Three jobs on two GPUs: two at once, and the third takes the place of the first that ends."""
    first, second = job(1), job(1)
    both = {taken(first), taken(second)}
    assert both == {"5", "3"}
    third = job(1)
    assert not select.select([third.stdout], [], [], 2)[0], "two jobs on one GPU"
    first.kill()
    assert taken(third) in both


def test_jobs_share_gpus_that_have_several_places(job):
    """Each GPU is taken once before one is taken twice."""
    assert [taken(job(2)) for _ in range(4)] == ["5", "3", "5", "3"]
    fifth = job(2)
    assert not select.select([fifth.stdout], [], [], 2)[0]


def test_a_job_takes_the_gpu_with_most_free_places(job):
    """Not the first that has one."""
    jobs = []
    for name in ("5", "3", "5", "3"):
        jobs.append(job(2))
        assert taken(jobs[-1]) == name
    for ended in (jobs[0], jobs[1], jobs[3]):
        ended.kill()
        ended.wait()
    assert taken(job(2)) == "3"
