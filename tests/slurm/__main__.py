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
WAIT_SECONDS = 900
"""A job that is submitted again is the last of the queue."""
POLLING = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]
"""This SLURM keeps no accounts; the rest is haste."""
DEVICE = ["--config", "device=cpu"]
MEGABYTES = {"M": 1, "G": 1024}
JOB, TRAINING = "workflow.job", "workflow.steps.train"
"""Modules of a job's process and of its child that trains."""


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
        self.check(self.process.wait(WAIT_SECONDS) == 0, "the run is completed")

    def check(self, good: bool, what: str) -> None:
        """Ends with one line, below what Snakemake has said."""
        if not good:
            sys.exit(f"{self.log.read_text()[-4000:]}\nerror: test-slurm: {what}: no")
        print(f"  {what}", flush=True)


class Process(psutil.Process):
    """A process that trains a block of seeds in a job of SLURM's."""

    @property
    def block(self) -> str:
        """Folder and seeds."""
        command = self.cmdline()
        place = command.index(TRAINING)
        return " ".join(command[place + 2 : place + 5])

    @property
    def job(self) -> str:
        """The number of its job."""
        return self.environ()["SLURM_JOB_ID"]

    @property
    def asked_mb(self) -> float:
        """The memory of its job."""
        size = ask(f"squeue -h -j {self.job} -o %m")
        return float(size[:-1]) * MEGABYTES[size[-1]]

    def end(self) -> None:
        """By SIGKILL, as for its memory."""
        self.kill()
        self.wait(30)


def running(folder: Path, module: str, what: str, other_than: str = "nothing") -> Process | None:
    """A process that runs a module to train blocks which a word is part of."""
    for each in processes(folder):
        with contextlib.suppress(psutil.Error, ValueError):
            process = Process(each.pid)
            if process.cmdline()[1:3] == ["-m", module] and what in process.block and other_than not in process.block:
                return process
    return None


def fail(run: Orchestrator, process: Process) -> None:
    """Kills a process, and its job ends with an error."""
    job = process.job
    process.end()
    run.until("SLURM has seen its job fail", lambda: "JobState=FAILED" in ask(f"scontrol show job -o {job}"))


def disturb(folder: Path, config: str) -> None:
    """The run through SLURM, with every kind of kill."""
    first = Orchestrator(folder, config, folder.parent / "first.log")
    teachers = folder / "results" / config / "teachers"
    first.until("a teacher is trained", lambda: list(teachers.rglob("seed~*.begun")))
    held = first.until("its process is stopped", lambda: running(folder, TRAINING, "/teachers/"))
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
    step = run.until("a training's process is killed", lambda: running(folder, TRAINING, "/cells/"))
    block, asked = step.block, [step.asked_mb]
    fail(run, step)
    fail(run, run.until("a job's process is killed", lambda: running(folder, JOB, "/cells/", block)))
    cancelled = run.until("a job is cancelled", lambda: running(folder, JOB, "/cells/", block)).job
    subprocess.run(["scancel", cancelled], check=True)
    run.until("SLURM has seen it", lambda: "JobState=CANCELLED" in ask(f"scontrol show job -o {cancelled}"))
    step = run.until("the first one's training is killed again", lambda: running(folder, TRAINING, block))
    asked.append(step.asked_mb)
    fail(run, step)
    step = run.until("and at its last attempt", lambda: running(folder, TRAINING, block))
    asked.append(step.asked_mb)
    last = step.job
    step.end()
    run.check(asked == [asked[0], 2 * asked[0], 4 * asked[0]], "each attempt asks for twice the memory")
    step = run.until("its job begins it again", lambda: running(folder, TRAINING, block))
    run.check(step.job == last, "the same job")
    run.end()
    jobs = ask("scontrol show job -o").splitlines()
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
