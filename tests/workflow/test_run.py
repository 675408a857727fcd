"""What the rules are told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.workflow.samples import GOOD, ROOT, change
from workflow.config import complete
from workflow.errors import UserError
from workflow.run import Run


def test_a_folder_of_raw_files_concerns_its_own_loader():
    run = Run.__new__(Run)
    run.config = complete(change("data", {"ogb_root": "here", "planetoid_root": "there"}), "x.yaml")
    assert run.data_settings("ace-sim") == "{}"
    assert run.data_settings("cora") == '{"planetoid_root": "there"}'
    assert run.data_settings("ogbg-molhiv") == run.data_settings("ogbn-mag") == '{"ogb_root": "here"}'


def test_titles_tell_variants_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run(complete(GOOD, "x.yaml"), "x.yaml")
    assert run.titles["gcrd-cold"].title == "G-CRD (cold)"


def test_a_mistake_ends_with_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text("seeds: 0\n")
    with pytest.raises(SystemExit, match=r"^error: x.yaml: seeds: must be at least 1, not 0$"):
        Run.of(change("seeds", 0), "x.yaml")
    (tmp_path / "x.yaml").write_text("seeds: 0\nseeds: 1\n")
    with pytest.raises(SystemExit, match=r"^error: x.yaml: not valid YAML: 'seeds' is given twice"):
        Run.of(GOOD, "x.yaml")


def test_a_name_that_makes_no_path_is_refused():
    with pytest.raises(UserError, match=r"^config/my run \(2\).yaml: the name of a configuration's file holds"):
        Run(complete(GOOD, "x.yaml"), "config/my run (2).yaml")


def test_run_without_torch():
    """Snakemake itself must start quickly."""
    code = (
        "import sys; from workflow.run import Run; from workflow.config import load;"
        "r = Run(load('config/smoke.yaml'), 'config/smoke.yaml'); r.all_rows; r.report_settings;"
        "heavy = {'torch', 'ogb', 'torch_geometric', 'pandas', 'rdkit', 'scipy', 'jsonschema'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
