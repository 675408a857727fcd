"""The server that forks trainings: it must do what a process of its own does, and never be in the way."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.checkouts import copy_code
from workflow import fork_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NO SERVER: steps run without one outside Linux")

# A step that tells what it sees, then does what its argument says.
STEP = """
import json, os, resource, sys, time

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytes(b"x" * 48 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def main():
    faults()
    print(json.dumps({"argv": sys.argv[1:], "folder": os.getcwd(), "told": os.environ.get("TOLD"),
        "killed": os.environ.get("ABKD_KILLED"), "me": os.getpid(),
        "parent": os.getppid(), "torch": "torch" in sys.modules,
        "compiler": "torch._dynamo" in sys.modules, "faults": faults()}), flush=True)
    print("to the error log", file=sys.stderr)
    if sys.argv[1:] == ["fail"]:
        sys.exit("error: one line")
    if sys.argv[1:] == ["crash"]:
        raise RuntimeError("a bug")
    if sys.argv[1:] == ["wait"]:
        time.sleep(60)

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """Code of its own, so a server of its own, with the step above."""
    folder = copy_code(tmp_path_factory.mktemp("warm"))
    (folder / "workflow" / "steps" / "tell.py").write_text(STEP)
    return folder


def start(checkout: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workflow.job", "workflow.steps.tell", *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tell(checkout: Path, *arguments: str, **environment: str) -> tuple[dict, str, int]:
    process = start(checkout, *arguments, **environment)
    out, err = process.communicate(timeout=60)
    return json.loads(out), err, process.returncode


def gone(process: int) -> bool:
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_fork_sees_what_a_process_of_its_own_would(checkout):
    first, err, code = tell(checkout, "a", "b", TOLD="1")
    assert (first["argv"], first["told"], code) == (["a", "b"], "1", 0)
    assert Path(first["folder"]) == checkout and first["torch"]
    assert err == "to the error log\n"
    again, _, _ = tell(checkout, "c", TOLD="2")
    assert (again["argv"], again["told"]) == (["c"], "2")
    assert again["parent"] == first["parent"] and again["me"] != first["me"], "not the same server"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="NO GLIBC: its malloc alone is told what to keep")
@pytest.mark.parametrize("cold", ["", "1"])
def test_a_step_uses_freed_memory_again(checkout, cold):
    """48 MiB are at least 24 pages of the largest kind, which the system would have to clear anew."""
    answer, _, _ = tell(checkout, ABKD_COLD=cold)
    assert answer["torch"] is not bool(cold)
    assert answer["faults"] < 24


def test_a_fork_finds_imported_what_the_first_optimizer_needs(checkout):
    answer, _, _ = tell(checkout)
    assert answer["compiler"]


def test_errors_come_back_as_they_are(checkout):
    _, err, code = tell(checkout, "fail")
    assert code == 1 and err.endswith("error: one line\n") and "Traceback" not in err
    _, err, code = tell(checkout, "crash")
    assert code == 1 and "RuntimeError: a bug" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_client_ends_the_step(checkout, number):
    process = start(checkout, "wait")
    assert process.stdout is not None
    step = json.loads(process.stdout.readline())["me"]
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert gone(step), f"the step outlives {number!r}"


def test_changed_code_means_another_server(checkout):
    before, _, _ = tell(checkout)
    file = checkout / "methods" / "streaming.py"
    original = file.read_text()
    file.write_text(original + "\n# changed\n")
    try:
        after, _, _ = tell(checkout)
    finally:
        file.write_text(original)
    assert before["parent"] != after["parent"]


def test_without_a_server_the_step_runs_all_the_same(checkout, tmp_path):
    blocked = tmp_path / f"abkd-{os.getuid()}"
    blocked.write_text("a file where the folder should be")
    answer, err, code = tell(checkout, "x", TMPDIR=str(tmp_path))
    assert (answer["argv"], code, err) == (["x"], 0, "to the error log\n")
    assert not answer["torch"], "a server was used"


def test_the_server_can_be_left_out(checkout):
    answer, _, code = tell(checkout, ABKD_COLD="1")
    assert code == 0 and not answer["torch"]


def test_a_folder_open_to_others_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fork_server.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / f"abkd-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"abkd-{os.getuid()}").chmod(0o777)
    with pytest.raises(OSError, match="open to others"):
        fork_server.address()


def test_a_signal_to_a_step_that_has_ended_is_nothing():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    before = signal.getsignal(signal.SIGTERM)
    try:
        fork_server.pass_signals_on(ended.pid)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, before if number == signal.SIGTERM else signal.default_int_handler)


def test_a_server_that_was_killed_has_killed_its_steps():
    ours, theirs = socket.socketpair()
    theirs.close()
    assert fork_server.outcome(ours) == 128 + signal.SIGKILL


@pytest.mark.parametrize("victim", ["me", "parent"])
@pytest.mark.parametrize("cold", ["", "1"])
def test_a_killed_step_is_begun_again_and_told_so(checkout, victim, cold):
    """The step itself is killed, or the server that has forked it; in a process of its own the parent is the job."""
    if cold and victim == "parent":
        return
    process = start(checkout, "wait", ABKD_COLD=cold)
    first = json.loads(process.stdout.readline())
    os.kill(first[victim], signal.SIGKILL)
    again = json.loads(process.stdout.readline())
    assert (first["killed"], again["killed"]) == (None, "SIGKILL")
    assert gone(first["me"]), "two processes of one step"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert "killed by signal 9 (SIGKILL)" in err
    assert process.returncode == 128 + signal.SIGTERM
    assert gone(again["me"])


@pytest.mark.parametrize(("attempt", "again"), [("1", False), ("2", False), ("3", True)])
def test_a_killed_step_ends_a_job_that_a_cluster_submits_again(checkout, attempt, again):
    """With more memory. At the last attempt nobody would, so the job begins it again."""
    process = start(checkout, "wait", ABKD_COLD="1", ABKD_RETRIES="2", ABKD_ATTEMPT=attempt)
    os.kill(json.loads(process.stdout.readline())["me"], signal.SIGKILL)
    line = process.stdout.readline()
    assert bool(line) is again
    if again:
        assert json.loads(line)["killed"] == "SIGKILL"
        process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert "killed by signal 9 (SIGKILL), 1. time" in err
    assert process.returncode == 128 + (signal.SIGTERM if again else signal.SIGKILL)


@pytest.mark.parametrize("cold", ["", "1"])
def test_no_step_outlives_snakemake(checkout, cold):
    """Even where the shell between them lives on."""
    snakemake = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = start(checkout, "wait", ABKD_COLD=cold, ABKD_ORCHESTRATOR=str(snakemake.pid))
    step = json.loads(process.stdout.readline())["me"]
    snakemake.kill()  # not waited for: it stays as a zombie, as an orphan of a container may
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert gone(step)
    snakemake.communicate()
