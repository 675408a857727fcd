"""The commit of a row says whether it is the code that made it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from workflow.training import provenance


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one committed method, and everything that its .gitignore ignores."""
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "kd.py").write_text("KD = 1\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n/results/\n/data/\n/logs/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    for place in ("results/a", "data/b", "logs/c", "baselines/__pycache__/kd.pyc", "notes.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("x")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    return tmp_path


def test_a_clean_commit_has_no_mark(checkout: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", provenance.commit())


@pytest.mark.parametrize("place", ["baselines/mine.py", "workflow/datasets/mine.py", "reports/mine.py", "Snakefile"])
def test_a_new_file_of_the_code_is_marked(checkout: Path, place: str) -> None:
    (checkout / place).parent.mkdir(parents=True, exist_ok=True)
    (checkout / place).write_text("x = 1\n")
    assert re.fullmatch(r"[0-9a-f]{12}\+", provenance.commit())
    git(checkout, "add", place)
    assert re.fullmatch(r"[0-9a-f]{12}\+", provenance.commit())


def test_a_changed_file_is_marked_once(checkout: Path) -> None:
    (checkout / "baselines" / "kd.py").write_text("KD = 2\n")
    (checkout / "baselines" / "mine.py").write_text("x = 1\n")
    assert re.fullmatch(r"[0-9a-f]{12}\+", provenance.commit())


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() == "unknown"
