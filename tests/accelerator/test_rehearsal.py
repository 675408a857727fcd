"""The tests that wait for a GPU work: some of them run on the CPU, against itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.checkouts import ROOT

PART = "[kd or not method"
"""Of the tests over all methods KD's alone; all others."""


@pytest.mark.slow
def test_what_waits_for_a_gpu_runs_without_one():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/gpu", "-k", PART]
    told = os.environ | {"ABKD_REHEARSE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=told, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert counts and int(counts[1]) > 30 and int(counts[2]) < int(counts[1]), done.stdout
