"""Many tiny trainings in one run: what serves them all stays as small as it began.

`make test-soak` runs 2,000 trainings, each a job of its own; the tests run few.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml

from tests.checkouts import copy_code, start

TRAININGS = int(os.environ.get("ABKD_SOAK", "40"))
METHODS = ("supervised", "kd", "fitnet", "at", "nst", "cka", "rkd", "sp", "vid", "abkd")
SEEDS = 4
MOST_MIB = 1024
MOST_START_SECONDS = 30
"""From the command to its first job: the start of Python twice, every network and method built once, and the DAG."""
pytestmark = [pytest.mark.slow, pytest.mark.no_cover]


@dataclass
class Watched:
    """What is seen of one process over its life."""

    mib: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def see(self, process: psutil.Process) -> None:
        self.mib.append(process.memory_info().rss / 2**20)
        self.files.append(process.num_fds())

    def growth(self, values: list[float] | list[int]) -> float:
        """The median of the last quarter less that of the second one: the first is start-up."""
        quarter = max(1, len(values) // 4)
        last, early = pd.Series(values[-quarter:]).median(), pd.Series(values[quarter : 2 * quarter]).median()
        return float(last - early)


def many(trainings: int) -> dict[str, object]:
    widths = trainings // (len(METHODS) * SEEDS)
    return {
        "title": "Soak",
        "seeds": SEEDS,
        "seeds_per_job": {"teach": SEEDS, "distill": 1},
        "keep_weights": "teachers",
        "training": {"epochs": 1},
        "models": {"gcn-3x64": {"model": "gcn", "layers": 3, "width": 64}, "gcn-2": {"model": "gcn"}},
        "methods": dict.fromkeys(METHODS),
        "experiments": [
            {
                "dataset": "ace-sim-mini",
                "teachers": ["gcn-3x64"],
                "students": [{"model": "gcn-2", "widths": list(range(2, 2 + widths))}],
            }
        ],
    }


def server_of(folder: Path) -> psutil.Process | None:
    """The oldest process that forks the trainings of a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "create_time"]):
        try:
            if "workflow.fork_server" in (process.info["cmdline"] or []) and Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return min(found, key=lambda process: process.info["create_time"], default=None)


def test_nothing_grows(tmp_path, prepared):
    folder = copy_code(tmp_path / "soak", prepared)
    (folder / "config" / "soak.yaml").write_text(yaml.safe_dump(many(TRAININGS)))
    log = tmp_path / "log"
    orchestrator, server = Watched(), Watched()
    begun, first_job = time.monotonic(), None
    with log.open("w") as out:
        command = ["snakemake", "--cores", "2", "--nocolor", "--configfile", "config/soak.yaml"]
        run = start(folder, *command, stdout=out, stderr=subprocess.STDOUT)
        snakemake = psutil.Process(run.pid)
        while run.poll() is None:
            told = log.read_text()
            if first_job is None and "teaching " in told:
                first_job = time.monotonic() - begun
            if "distilling " in told:  # in a short run the start would be a large share of what is seen
                try:
                    orchestrator.see(snakemake)
                    if found := server_of(folder):
                        server.see(found)
                except psutil.Error:
                    pass
            time.sleep(0.5)
    assert run.returncode == 0, log.read_text()[-3000:]
    rows = pd.read_parquet(folder / "results" / "soak" / "runs.parquet")
    assert len(rows) == TRAININGS + SEEDS and (rows["status"] == "ok").all()
    print(
        f"{len(rows)} trainings in {time.monotonic() - begun:.0f} s, first job after {first_job:.1f} s; Snakemake "
        f"{max(orchestrator.mib):.0f} MiB ({orchestrator.growth(orchestrator.mib):+.0f}), fork server "
        f"{max(server.mib):.0f} MiB ({server.growth(server.mib):+.0f}); open files "
        f"{max(orchestrator.files)} ({orchestrator.growth(orchestrator.files):+.0f}) and "
        f"{max(server.files)} ({server.growth(server.files):+.0f})"
    )
    for process in (orchestrator, server):
        assert max(process.mib) < MOST_MIB
        assert process.growth(process.mib) < 0.1 * max(process.mib)
        assert process.growth(process.files) <= 2
    assert first_job is not None and first_job < MOST_START_SECONDS
