"""A terminal that knows ASCII alone, or another encoding, still gets the whole summary."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reports import build
from tests.reports import samples
from tests.reports.samples import BASE, OTHER

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose summary holds every special character, and a title in another script."""
    made = tmp_path_factory.mktemp("report")
    runs = samples.frame(samples.cell(BASE), samples.cell(BASE + OTHER, method="abkd"), samples.missing(2, method="at"))
    settings = {**samples.settings(), "datasets": {"ace-sim": "Größe Ω"}}
    build.write(samples.save(made, runs, everything=False), settings)
    (made / "settings.json").write_text(json.dumps(settings))
    return made


@pytest.mark.parametrize(
    ("encoding", "command"),
    [
        ("ascii", ["workflow.steps.summary", "{folder}"]),
        ("cp1252", ["workflow.steps.summary", "{folder}"]),
        ("ascii", ["workflow.cli", "report", "{folder}"]),
        ("ascii", ["reports.build", "{folder}", "--settings", "{folder}/settings.json"]),
    ],
)
def test_what_a_terminal_lacks_is_spelt_out(folder: Path, encoding: str, command: list[str]):
    arguments = [each.format(folder=folder) for each in command]
    ran = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "LANG": "C"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    told = ran.stdout.decode(encoding)
    assert ran.returncode == 0, ran.stderr
    size = "40x" if encoding == "ascii" else "40×"
    assert f"gcn-3x256 -> gcn-2x16, {size}: best" in told
    assert f"missing: at on ace-sim, gcn-2x16 ({size}): 2 of 2 (" in told
    assert ("Gr??e ?" if encoding == "ascii" else "Größe ?") in told
