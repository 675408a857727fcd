"""A run whose processes are killed at random moments: the same command completes it, and its numbers are the same.

Nor do they depend on the number of cores, the order of the jobs or the blocks of seeds, which differ between the two.

`make test-crash` kills 30 times in a run of config/smoke.yaml; the tests kill twice in a smaller one.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml

from tests.checkouts import copy_code, snakemake, start

KILLS = int(os.environ.get("ABKD_KILLS", "2"))
SEED = int(os.environ.get("ABKD_KILL_SEED", "0"))
LATEST_SECONDS = 25.0
"""A kill comes at most so long after Snakemake's start."""
TIMED = ["seconds", "peak_memory_mb"]
SMALL = {
    "title": "Crash test",
    "seeds": 3,
    "training": {"epochs": 12},
    "models": {"gcn-3x32": {"model": "gcn", "layers": 3, "width": 32}, "gcn-2": {"model": "gcn", "dropout": 0.2}},
    "methods": dict.fromkeys(("supervised", "kd", "abkd")),
    "experiments": [
        {"dataset": "ace-sim-mini", "teachers": ["gcn-3x32"], "students": [{"model": "gcn-2", "widths": [4, 8]}]}
    ],
}
pytestmark = [pytest.mark.slow, pytest.mark.no_cover]


def command(config: str) -> list[str]:
    return ["snakemake", "--cores", "2", "--nocolor", "--configfile", f"config/{config}.yaml"]


def processes(folder: Path) -> list[psutil.Process]:
    """All that work in a folder: Snakemake, its shells, jobs, and the server with its forks."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def disturb(folder: Path, config: str, random_: random.Random) -> bool:
    """One start of the command with a kill at a random moment; whether the run was completed before or after it."""
    run = start(folder, *command(config), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + random_.uniform(1, LATEST_SECONDS)
    while time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.05)
    if run.poll() is None:
        jobs = [process for process in processes(folder) if process.pid != run.pid]
        if jobs and random_.random() < 0.5:
            with contextlib.suppress(psutil.NoSuchProcess):
                random_.choice(jobs).kill()
        else:
            os.killpg(run.pid, signal.SIGKILL)
    return run.wait() == 0


def numbers(folder: Path, config: str) -> dict[str, object]:
    """What must not depend on what was killed: every row, every verdict, every table."""
    results = folder / "results" / config
    runs = pd.read_parquet(results / "runs.parquet").drop(columns=TIMED)
    # Latencies and seconds are measured anew in each run.
    tables = [path for path in (results / "tables").iterdir() if path.stem not in ("compression", "cost")]
    texts = {path.name: path.read_text() for path in [results / "comparisons.csv", *tables]}
    return {"runs": runs.to_csv(), **texts}


def test_kills_change_nothing(tmp_path, prepared):
    config = "crash" if KILLS <= 10 else "smoke"
    still, disturbed = copy_code(tmp_path / "still", prepared), copy_code(tmp_path / "disturbed")
    blocks = {still: {"teach": 3, "distill": 3}, disturbed: {"teach": 1, "distill": 2}}
    for folder, size in blocks.items():
        (folder / "config" / "crash.yaml").write_text(yaml.safe_dump({**SMALL, "seeds_per_job": size}))
    answer = snakemake(still, "--cores", "1", "--configfile", f"config/{config}.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    expected = numbers(still, config)
    random_ = random.Random(SEED)
    completed = 0
    for _ in range(KILLS):
        if disturb(disturbed, config, random_):
            completed += 1
            assert numbers(disturbed, config) == expected
            shutil.rmtree(disturbed / "results")
    answer = snakemake(disturbed, "--configfile", f"config/{config}.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert numbers(disturbed, config) == expected
    assert not [p for p in processes(disturbed) if "steps" in " ".join(p.cmdline())], "a job outlives its Snakemake"
    print(f"{KILLS} kills, {completed + 1} completed runs")
