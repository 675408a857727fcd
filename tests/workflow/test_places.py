"""A run's folder has a name that makes paths, and belongs to one configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow import places
from workflow.errors import UserError
from workflow.files import write_json


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results that were made by config/tiny.yaml."""
    monkeypatch.chdir(tmp_path)
    for name in ("config/tiny.yaml", "config/tiny.yml", "exp/tiny.yaml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("title: x")
    write_json("results/tiny/provenance.json", {"config_file": "config/tiny.yaml"})
    return Path("results/tiny")


@pytest.mark.parametrize("other", ["config/tiny.yml", "exp/tiny.yaml"])
def test_one_folder_is_not_shared_by_two_files(held: Path, other: str):
    told = f"{other}: results/tiny holds the results of config/tiny.yaml; give one of the two files another name"
    with pytest.raises(UserError, match=rf"^{told}$"):
        places.refuse_other(held, other)


def test_the_same_file_by_another_path_is_the_same(held: Path, tmp_path: Path):
    Path("linked").symlink_to("config")
    for same in ("config/tiny.yaml", str(tmp_path / "config" / "tiny.yaml"), "linked/tiny.yaml"):
        places.refuse_other(held, same)


@pytest.mark.parametrize(
    "named", ["config/gone.yaml", "/elsewhere/tiny.yaml", "~nobody/tiny.yaml", None, ["x"], "x" * 999]
)
def test_what_was_moved_or_renamed_goes_on(held: Path, named: object):
    write_json(held / "provenance.json", {"config_file": named})
    places.refuse_other(held, "exp/tiny.yaml")


@pytest.mark.parametrize("found", ["", "[]", "{}", '{"merged": {}}'])
def test_results_that_do_not_say_whose_they_are_go_on(held: Path, found: str):
    (held / "provenance.json").write_text(found)
    places.refuse_other(held, "exp/tiny.yaml")
    places.refuse_other(Path("results/none"), "exp/tiny.yaml")


def test_a_name_is_short_enough_for_files_that_are_made_of_it():
    assert places.name_of(f"config/{'a' * 100}.yaml") == "a" * 100
    with pytest.raises(
        UserError, match=r"^config/a+.yaml: the name of a configuration's file holds letters, digits and"
    ):
        places.name_of(f"config/{'a' * 101}.yaml")
