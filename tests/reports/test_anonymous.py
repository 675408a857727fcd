"""No name of a person or a machine on what goes to reviewers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reports import build, files
from reports.files import anonymous
from tests.reports import samples


@pytest.fixture(autouse=True)
def alice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody else's account on another machine."""
    monkeypatch.setattr(files, "getuser", lambda: "alice")
    monkeypatch.setattr(files.platform, "node", lambda: "node17.uni.edu")
    monkeypatch.setattr(files.Path, "home", lambda: Path("/nethome/alice"))
    files._names.cache_clear()
    yield
    files._names.cache_clear()


CASES = {
    "No such file: /nethome/alice/bench/data/x.npz": "No such file: ~/bench/data/x.npz",
    "in /nethome/alice.": "in ~.",
    "'/home/bob/bench' and \"/Users/carol\"": "'~/bench' and \"~\"",
    "/mnt/a/home/dave/x, /home/eve": "~/x, ~",
    r"C:\Users\frank\bench": r"~\bench",
    "/scratch/alice/tmp": "/scratch/USER/tmp",
    "alice@node17: refused": "USER@HOST: refused",
    "NCCL error on node17.uni.edu, and on node17": "NCCL error on HOST, and on HOST",
}


@pytest.mark.parametrize("text", CASES)
def test_homes_users_and_hosts_are_replaced(text: str):
    assert anonymous(text) == CASES[text]


@pytest.mark.parametrize("text", ["malice", "the alice dataset", "node171", "mynode17", "/nethome/alicent/x", "home/x"])
def test_other_words_stay(text: str):
    assert anonymous(text) == text


def test_nested_values_keep_their_shape():
    value = {"/nethome/alice": [1, ("/nethome/alice/x", None)], "n": {"seed": 0.5, "on": True}}
    assert anonymous(value) == {"~": [1, ("~/x", None)], "n": {"seed": 0.5, "on": True}}


def test_an_account_without_name_or_home_is_no_error(monkeypatch: pytest.MonkeyPatch):
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(files, "getuser", nobody)
    monkeypatch.setattr(files.Path, "home", nowhere)
    files._names.cache_clear()
    assert anonymous("/home/bob/x") == "~/x"


def test_nothing_that_a_report_writes_names_anybody(tmp_path: Path):
    reason = "OSError: /nethome/alice/bench on node17.uni.edu"
    failed = samples.cell([np.nan] * 2, method="at", status="failed", reason=reason)
    skipped = samples.cell([np.nan] * 2, method="lsp", status="skipped", reason=reason)
    lost = samples.missing(2, method="abkd", reason="see /home/bob/bench/logs/x.log")
    samples.save(tmp_path, samples.frame(samples.cell([0.8, 0.9]), failed, skipped, lost), everything=False)
    config = {"data": {"root": "/scratch/alice/data"}}
    (tmp_path / "provenance.json").write_text(json.dumps({"config": config, "machine": "node17"}))
    build.write(tmp_path, samples.settings())
    written = [tmp_path / "index.html", tmp_path / "comparisons.csv", *(tmp_path / "tables").iterdir()]
    texts = [path.read_text(encoding="utf-8") for path in written]
    assert len(texts) == 30
    assert "OSError: ~/bench on HOST" in texts[0]
    assert "/scratch/USER/data" in texts[0]
    for text in (*texts, build.summary(tmp_path).replace(str(tmp_path), "")):
        assert not [name for name in ("alice", "bob", "node17", "uni.edu") if name in text]
