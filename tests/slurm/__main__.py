"""Runs a configuration through SLURM, with kills on the way: its numbers are those of an undisturbed local run.

python -m tests.slurm          # a small run, some minutes
python -m tests.slurm smoke    # config/smoke.yaml
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import yaml

from tests.checkouts import copy_code, snakemake, start
from tests.slurm.node import Node, ask, install, install_plugin, refuse_what_cannot_be
from tests.test_crash import SMALL, numbers, processes

Found = TypeVar("Found")
WAIT_SECONDS = 300
POLLING = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]
"""This SLURM keeps no accounts; the rest is haste."""
DEVICE = ["--config", "device=cpu"]
MEGABYTES = {"M": 1, "G": 1024}


class Orchestrator:
    """The command of docs/clusters.md, at work.

    Args:
        folder: the checkout.
        config: stem of the configuration.
        log: what Snakemake prints.
    """

    def __init__(self, folder: Path, config: str, log: Path) -> None:
        self.log = log
        command = ["snakemake", "--nocolor", "--workflow-profile", "profiles/slurm", *POLLING]
        with log.open("w") as out:
            self.process = start(
                folder,
                *command,
                "--configfile",
                f"config/{config}.yaml",
                *DEVICE,
                env={"PYTHONPATH": f"{folder}:{folder.parent / 'plugins'}"},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until(self, what: str, look: Callable[[], Found]) -> Found:
        """What a look finds, as soon as it finds something."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if found := look():
                print(f"  {what}", flush=True)
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.check(False, what)
        raise AssertionError

    def end(self) -> None:
        """Waits for a good one."""
        self.check(self.process.wait(2 * WAIT_SECONDS) == 0, "the run is completed")

    def check(self, good: bool, what: str) -> None:
        """Ends with one line, below what Snakemake has said."""
        if not good:
            sys.exit(f"{self.log.read_text()[-4000:]}\nerror: test-slurm: {what}: no")
        print(f"  {what}", flush=True)


def running(folder: Path, module: str, group: str) -> psutil.Process | None:
    """A process that runs a module to train teachers or cells."""
    for process in processes(folder):
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            if command[1:3] == ["-m", module]:
                output = command[command.index("workflow.steps.train") + 2]
                if f"/{group}/" in output:
                    return process
    return None


def job(rule: str) -> str:
    """The number of a job of a rule that runs."""
    jobs = (line.split() for line in ask("squeue -h -t RUNNING -o %i|%k").replace("|", " ").splitlines())
    return next((words[0] for words in jobs if words[1].startswith(f"rule_{rule}_")), "")


def disturb(folder: Path, config: str) -> None:
    """The run through SLURM, with every kind of kill."""
    first = Orchestrator(folder, config, folder.parent / "first.log")
    teachers = folder / "results" / config / "teachers"
    first.until("a teacher is trained", lambda: list(teachers.rglob("seed~*.begun")))
    held = first.until("its process is stopped", lambda: running(folder, "workflow.steps.train", "teachers"))
    held.suspend()
    first.process.kill()
    first.process.wait()
    print("  Snakemake is killed; the same command again", flush=True)
    run = Orchestrator(folder, config, folder.parent / "second.log")
    logs = folder / "logs" / config
    waits = "another process trains seed"
    run.until(
        "a second job of its seeds waits for it",
        lambda: any(waits in file.read_text() for file in (logs / "teach").rglob("*.log")),
    )
    held.resume()
    step = run.until("a training's process is killed", lambda: running(folder, "workflow.steps.train", "cells"))
    step.kill()
    run.until(
        "its job begins it again",
        lambda: any("killed by signal 9" in file.read_text() for file in (logs / "distill").rglob("*.log")),
    )
    run.until("a job's process is killed", lambda: running(folder, "workflow.job", "cells")).kill()
    run.until("SLURM has seen its job fail", lambda: "JobState=FAILED" in ask("scontrol show job -o"))
    cancelled = run.until("a job is cancelled", lambda: job("distill"))
    subprocess.run(["scancel", cancelled], check=True)
    run.end()
    jobs = ask("scontrol show job -o").splitlines()
    run.check(any("JobState=CANCELLED" in each for each in jobs), "SLURM has seen the cancelled job")
    sizes = {float(size[:-1]) * MEGABYTES[size[-1]] for size in ask("squeue -h -t all -o %m").split()}
    run.check(2 * min(sizes) in sizes, "a retry asks for twice the memory")
    gpu = [each for each in jobs if "TresPerJob=gres:gpu:1" in each]
    run.check(bool(gpu) and all("Comment=rule_distill" in each for each in gpu), "a rule's gpu is asked of SLURM")
    run.check("rule_prepare" not in "".join(jobs), "data are prepared on the submitting machine")
    again = Orchestrator(folder, config, folder.parent / "third.log")
    again.end()
    again.check("Nothing to be done" in again.log.read_text(), "nothing is left to be done")


def prove(folder: Path, config: str) -> None:
    """Both runs, and the comparison."""
    install_plugin(folder / "plugins")
    still, disturbed = copy_code(folder / "still"), copy_code(folder / "disturbed")
    for each in (still, disturbed):
        (each / "config" / "small.yaml").write_text(yaml.safe_dump(SMALL | {"training": {"epochs": 100}}))
    profile = disturbed / "profiles" / "slurm" / "profile.yaml"
    text = profile.read_text().replace("set-resources:\n", "set-resources:\n  - distill:gpu=1\n")
    # A job that wants this one node for itself would hold up all that are behind it in the queue.
    profile.write_text(text.replace('"--exclusive"', '"--exclusive --nice=10000"'))
    print("An undisturbed local run", flush=True)
    answer = snakemake(still, "--configfile", f"config/{config}.yaml", *DEVICE)
    if answer.returncode:
        sys.exit(answer.stdout + answer.stderr)
    expected = numbers(still, config)
    print("A run through SLURM", flush=True)
    with tempfile.TemporaryDirectory(prefix="slurm-", dir=folder) as place, Node(Path(place)):
        try:
            disturb(disturbed, config)
        finally:
            for process in processes(disturbed):
                process.kill()
    found = numbers(disturbed, config)
    if differing := [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]:
        sys.exit(f"error: test-slurm: {', '.join(sorted(differing))}: not those of the local run")
    print(f"{', '.join(expected)}: equal")


def main() -> None:
    """Leaves the Debian packages, and nothing else."""
    refuse_what_cannot_be()
    config = sys.argv[1] if len(sys.argv) > 1 else "small"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: test-slurm: terminated"))
    install()
    with tempfile.TemporaryDirectory(prefix="abkd-slurm-") as folder:
        Path(folder).chmod(0o755)
        prove(Path(folder), config)


if __name__ == "__main__":
    main()
