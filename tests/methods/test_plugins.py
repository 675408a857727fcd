"""Which folders may be plug-ins, and what is told of others."""

from __future__ import annotations

import importlib.metadata
import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import methods
from methods import plugins


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one method; what a test takes into use is out of use behind it."""
    monkeypatch.setenv(plugins.VARIABLE, "[]")
    folder = tmp_path / "lab"
    (folder / "methods").mkdir(parents=True)
    (folder / "methods" / "my_own.py").write_text("")
    return folder


def test_a_folder_in_use_is_known_and_no_longer_when_it_is_not(lab: Path) -> None:
    plugins.use(["lab"], lab.parent)
    assert plugins.active() == (lab,)
    assert "my-own" in methods.available() and methods.modules("my-own") == ["baselines.my_own"]
    plugins.use([], lab.parent)
    assert plugins.VARIABLE not in os.environ
    assert "my-own" not in methods.available()


def test_a_package_offers_its_folder(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    monkeypatch.syspath_prepend(lab.parent)
    offered = [EntryPoint("theirs", "lab", plugins.GROUP), EntryPoint("deep", "lab.methods", plugins.GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: offered if group == plugins.GROUP else [])
    plugins.use(["theirs"], Path("/"))
    assert plugins.active() == (lab,)
    with pytest.raises(ValueError, match="no package"):
        plugins.use(["deep"], Path("/"))
    with pytest.raises(ValueError, match=r"there are: deep, theirs$"):
        plugins.use(["others"], Path("/"))


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (["lab", "gone"], r"^plugins\[1\]: .*/gone: there is no such folder, nor a package with this entry point"),
        (["lab", "./lab"], r"^plugins\[1\]: .*/lab is named twice$"),
        (["."], r"^plugins\[0\]: .*: must be a folder with methods/, networks/, datasets/, or some of them$"),
        ([str(plugins.ROOT)], r"^plugins\[0\]: .*: must be a folder with"),
    ],
)
def test_what_cannot_be_used_is_told(stated: list[str], told: str, lab: Path) -> None:
    with pytest.raises(ValueError, match=told):
        plugins.use(stated, lab.parent)
    assert plugins.active() == ()


def test_an_id_that_is_taken_is_told_with_both_files_where_it_is_used_and_hides_no_other(lab: Path) -> None:
    (lab / "methods" / "kd.py").write_text("")
    plugins.use([str(lab)], Path())
    assert {"kd", "my-own", "fitnet"} <= set(methods.available())
    assert methods.modules("my-own") == ["baselines.my_own"]
    assert methods.load("fitnet").title == "FitNet"
    for use in (methods.load, methods.modules, methods.describe):
        for name in ("kd", "fitnet+kd"):
            with pytest.raises(ValueError, match=rf"'kd': baselines/kd.py and {lab}/methods/kd.py$"):
                use(name)


def test_the_group_of_entry_points_is_one_that_packages_can_state() -> None:
    assert list(importlib.metadata.entry_points(group=plugins.GROUP)) == []
