"""`abkd-bench check` says in one line what it cannot take, and which files of a folder it could not see."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.errors import UserError
from workflow.steps import check


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("kdd", "unknown 'kdd' (did you mean kd "),
        ("kd+gcrd", "'kd+gcrd' composes methods; name one of them"),
        ("my-idea", "unknown 'my-idea'; allowed: the id of a method, network or dataset of the repository, or a file "),
        ("nowhere.py", "nowhere.py: there is no such file"),
        ("lab/methods/my-idea.py", "lab/methods/my-idea.py: a file's name has letters, digits and _, "),
        ("lab/my_idea.py", "/lab/my_idea.py: its folder must say what it is; allowed: methods/, "),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    what: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my_idea.py", "methods/my-idea.py"):
        (tmp_path / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / name).write_text("")
    with pytest.raises(UserError) as raised:
        list(check.judged(what))
    assert told in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["mol-gcn", "mol_gcn"])
def test_a_network_has_its_id_with_either_dash(name: str) -> None:
    """As `abkd-bench new network` takes it."""
    assert [(kind, each) for kind, each, _ in check.judged(name)] == [("network", "mol_gcn")]


def test_a_file_that_no_import_could_state_is_a_fault_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    for name in ("my-idea.py", "._kd.py"):
        (tmp_path / "methods" / name).write_text("")
    file = tmp_path / "methods" / "my-idea.py"
    assert list(check.judged(str(tmp_path))) == [
        ("method", "my-idea", [f"{file}: a file's name has letters, digits and _, and begins with a letter"])
    ]


TAKEN = {
    "methods/kd.py": "two files define the method 'kd': baselines/kd.py",
    "networks/gcn.py": "two files have the name 'gcn': workflow/models/architectures/gcn.py",
    "datasets/tu.py": "two files have the name 'tu': workflow/datasets/tu.py",
}


def test_an_id_that_is_taken_hides_no_other(tmp_path: Path) -> None:
    for name in TAKEN:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("import")
        (tmp_path / name).with_name("mine.py").write_text("import")
    found = [line for _, _, faults in check.judged(str(tmp_path)) for line in faults]
    assert sorted(found) == sorted(
        line
        for name, told in TAKEN.items()
        for line in (
            f"{told} and {tmp_path}/{name}",
            f"{(tmp_path / name).with_name('mine.py')}:1: SyntaxError: invalid syntax",
        )
    )
    for name, told in TAKEN.items():
        ((_, _, faults),) = check.judged(str(tmp_path / name))
        assert faults == [f"{told} and {tmp_path}/{name}"]
