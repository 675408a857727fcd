"""`abkd-bench new` writes files that pass `abkd-bench check`, and takes the place of none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from methods import plugins
from workflow import cli
from workflow.errors import UserError
from workflow.steps import new


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["abkd-bench", *arguments])
    cli.main()


def test_what_is_written_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way by the command line: three files of one name, and a broken one that hides none of them."""
    for kind in new.KINDS:
        call(monkeypatch, "new", kind, "my-idea", "--into", str(tmp_path))
    assert f"check it:             abkd-bench check {tmp_path}/networks/my_idea.py" in capsys.readouterr().out
    for kind in plugins.KINDS:
        (tmp_path / kind / "broken.py").write_text("import no_such_module\n")
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, "check", str(tmp_path))
    told = "broken.py:1: ModuleNotFoundError: No module named 'no_such_module'"
    assert str(ended.value).splitlines() == [f"error: {tmp_path}/{kind}/{told}" for kind in plugins.KINDS]
    assert capsys.readouterr().out.splitlines() == [
        "my-idea: a method that keeps the contract",
        "my_idea: a network that keeps the contract",
        "my-idea: a dataset that keeps the contract",
    ]
    text = (tmp_path / "methods" / "my_idea.py").read_text()
    assert "class MyIdea(Method)" in text and 'title = "My idea"' in text and "emplate" not in text


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("method", "kd", "kd: there is a method of this name"),
        ("network", "mol-gcn", "mol-gcn: there is a network of this name"),
        ("dataset", "cora", "cora: there is a dataset of this name"),
        ("dataset", "planetoid", "planetoid: there is a dataset of this name"),
        ("method", "../kd", "../kd: a name has small letters"),
        ("method", "Mine", "Mine: a name has small letters"),
        ("method", "class", "class: is a word of Python's own"),
    ],
)
def test_a_name_that_cannot_be_used_is_told(kind: str, name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        new.write(kind, name, tmp_path)
    assert str(raised.value).startswith(told)
    assert not list(tmp_path.rglob("*.py"))


def test_a_search_space_of_few_values_is_remarked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = new.write("method", "my-idea", tmp_path)
    text = file.read_text()
    for values, told in (("(0.1, 1.0, 10.0)", 3), ("(1.0, 2.0)", 2), ("tuple(range(1, 9))", None)):
        file.write_text(text.replace("LogRange(0.01, 100)", values))
        registry_forgets("my_idea")
        call(monkeypatch, "check", str(file))
        first, *remarks = capsys.readouterr().out.splitlines()
        assert first == "my-idea: a method that keeps the contract"
        what = f"remark: my-idea: search_space holds {told} values: fewer trials than the default 8"
        assert [line.split(" (")[0] for line in remarks] == ([what] if told else [])


def registry_forgets(stem: str) -> None:
    """So that a changed file is imported anew."""
    sys.modules.pop(f"baselines.{stem}", None)


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "mine.py").write_text("precious")
    with pytest.raises(UserError, match=r"methods/mine.py: is there already$"):
        new.write("method", "mine", tmp_path)
    assert (tmp_path / "methods" / "mine.py").read_text() == "precious"


def test_the_repositorys_own_folders_are_where_such_files_lie() -> None:
    for kind, (_, folder) in new.KINDS.items():
        assert (folder / "__init__.py").is_file(), kind
