"""A configuration that extends another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.samples import GOOD
from workflow.config import complete, load
from workflow.errors import UserError


def write(file: Path, **content: Any) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base" / "base.yaml", **GOOD)


def test_mappings_are_merged_and_experiments_added(base: Path, tmp_path: Path) -> None:
    more = {"dataset": "ace-sim-mini", "teachers": ["big"], "students": [{"model": "small", "widths": [4]}]}
    here = write(
        tmp_path / "mine.yaml",
        include="base/base.yaml",
        title="Mine",
        methods={"at": None, "kd": {"alpha": 0.3}},
        training={"epochs": 3},
        experiments=[more],
    )
    found, before = load(here), load(base)
    assert found.title == "Mine"
    assert list(found.methods) == [*before.methods, "at"]
    assert found.method("kd").hyperparameters["alpha"] == 0.3
    assert found.training.epochs == 3
    assert found.models == before.models
    assert found.experiments[:-1] == before.experiments
    assert found.experiments[-1].students[0].widths == [4]
    assert found.include is None


def test_the_command_line_wins_over_both(base: Path, tmp_path: Path) -> None:
    here = write(tmp_path / "mine.yaml", include="base/base.yaml", seeds=4)
    assert complete({"include": "base/base.yaml", "seeds": 4}, str(here)).seeds == 4
    changed = complete({"include": "base/base.yaml", "seeds": 7, "training": {"epochs": "5"}}, str(here))
    assert (changed.seeds, changed.training.epochs) == (7, 5)


def test_a_chain_is_followed_and_files_are_found_from_where_they_are_named(base: Path, tmp_path: Path) -> None:
    write(tmp_path / "base" / "middle.yaml", include="base.yaml", tuned="tuned/x.yaml")
    found = load(write(tmp_path / "mine.yaml", include="base/middle.yaml", seeds=2))
    assert (found.seeds, found.tuned) == (2, "base/tuned/x.yaml")


@pytest.mark.parametrize(
    ("included", "message"),
    [
        ("mine.yaml", "include: mine.yaml includes this file"),
        ("round.yaml", r"include: .*round.yaml: include: mine.yaml includes this file"),
        ("nowhere.yaml", "include: .*nowhere.yaml: No such file"),
        ("list.yaml", "include: .*list.yaml: must be a mapping"),
        ("broken.yaml", "include: .*broken.yaml: not valid YAML"),
        (3, "include: must be the name of a file, not 3"),
        ("", "include: must be the name of a file"),
    ],
)
def test_a_mistake_is_one_line(included: object, message: str, tmp_path: Path) -> None:
    write(tmp_path / "round.yaml", include="mine.yaml")
    (tmp_path / "list.yaml").write_text("[1]")
    (tmp_path / "broken.yaml").write_text("a: [")
    here = write(tmp_path / "mine.yaml", include=included)
    with pytest.raises(UserError, match=rf"mine.yaml: {message}[^\n]*$"):
        load(here)


def test_what_is_wrong_in_the_whole_is_told_of_the_including_file(base: Path, tmp_path: Path) -> None:
    here = write(tmp_path / "mine.yaml", include="base/base.yaml", reference="gcrd")
    with pytest.raises(UserError, match=r"mine.yaml: reference: unknown method 'gcrd'"):
        load(here)
