"""From the trials to the table of tuned methods, by the commands that a user types."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.checkouts import copy_code, jobs, snakemake
from tests.workflow.test_catalog import FAMILY

pytestmark = pytest.mark.slow

CONFIG: dict[str, Any] = {
    "title": "Tuned",
    "seeds": 2,
    "training": {"epochs": 3},
    "tune": {"trials": 2, "seeds": 1},
    "tuned": "tuned/small.yaml",
    "models": {"big": {"model": "gcn", "layers": 3, "width": 16}, "small": {"model": "mlp", "layers": 2}},
    "methods": {"supervised": None, "kd": None, "kd+fitnet": None},
    "experiments": [
        {
            "dataset": "ring-40",
            "labels_per_class": 5,
            "teachers": ["big"],
            "students": [{"model": "small", "widths": [4]}],
        }
    ],
}
NAMED = ("--configfile", "config/small.yaml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_code(tmp_path_factory.mktemp("checkout"))
    (folder / "workflow" / "datasets" / "ring.py").write_text(FAMILY)
    (folder / "config" / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def test_from_the_trials_to_the_table(checkout: Path):
    first = snakemake(checkout, "tune", *NAMED)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "small: kd: " in first.stdout
    assert "to be tuned beside what is chosen now: kd+fitnet; go on with: snakemake tune" in first.stdout
    assert "small: kd+fitnet: " in snakemake(checkout, "tune", *NAMED).stdout
    assert [path.name for path in (checkout / "data" / "tasks").glob("ring*")] == ["ring-40@5,blind"], "no other"

    run = snakemake(checkout, *NAMED)
    assert run.returncode == 0, run.stdout + run.stderr
    results = checkout / "results" / "small"
    runs = pd.read_parquet(results / "runs.parquet")
    assert set(runs["method"]) == {"teacher", "supervised", "kd", "kd-tuned", "kd+fitnet", "kd+fitnet-tuned"}
    assert set(runs["seed"]) == {0, 1}
    assert (runs["status"] == "ok").all()
    assert "| KD " in (results / "tables" / "tuned.md").read_text()
    again = snakemake(checkout, "-n", *NAMED)
    assert "Nothing to be done" in again.stdout + again.stderr

    shutil.rmtree(results)
    planned = jobs(snakemake(checkout, "-n", *NAMED))
    assert "tune" not in planned, "a file of choices is used without its trials"
    assert planned["distill"] == 5

    file = checkout / "baselines" / "kd.py"
    text = file.read_text()
    assert '"alpha": (0.3, ' in text
    file.write_text(text.replace('"alpha": (0.3, ', '"alpha": (0.2, '))
    stale = snakemake(checkout, "-n", *NAMED)
    assert stale.returncode != 0
    (line,) = [line for line in stale.stderr.splitlines() if line.startswith("error: ")]
    assert "tuned/small.yaml is stale: the code or the search space of kd has changed; it is made by: snakema" in line
    assert "Traceback" not in stale.stderr

    assert jobs(snakemake(checkout, "tune", "-n", *NAMED))["distill"] == 2, "of kd alone"
    second = snakemake(checkout, "tune", *NAMED)
    assert "small: kd: " in second.stdout, second.stderr
    assert "of an earlier tuning" not in second.stdout, "the floor alone is"
    assert "small: kd+fitnet: " in snakemake(checkout, "tune", *NAMED).stdout
    nothing = snakemake(checkout, "tune", "-n", *NAMED)
    assert "Nothing to be done" in nothing.stdout + nothing.stderr
    assert snakemake(checkout, "-n", *NAMED).returncode == 0
