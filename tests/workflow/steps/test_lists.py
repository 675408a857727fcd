"""`abkd-bench methods`, `networks` and `datasets` say what there is; a broken file is one line that hides no other."""

from __future__ import annotations

import io
import re
import sys
from argparse import Namespace
from pathlib import Path

import pytest

import methods
from workflow import catalog, cli
from workflow.models import listing
from workflow.steps import check, lists


def listed(*folders: Path) -> None:
    lists.methods(Namespace(folders=list(map(str, folders))))


def written(lab: Path, name: str, text: str | bytes) -> Path:
    """A file in a folder of methods of one's own."""
    file = lab / "methods" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_every_method_is_listed_with_what_can_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    listed()
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == methods.available()
    assert "(2015, hinton2015distilling)" in lines["kd"]
    assert "alpha=0.9, temperature=4.0, reduction=batchmean" in lines["kd"]
    assert "axis=teacher" in lines["abkd-pooled"]
    assert "dissimilarity" not in lines["abkd-pooled"]


def test_every_network_and_dataset_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    lists.networks(Namespace(folders=[]))
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == listing.available()
    assert re.search(r"gat +node: Attention over .* layers=2, width=64, heads=4, .*attend_target=True", lines["gat"])
    lists.datasets(Namespace(folders=[]))
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == catalog.available()
    assert lines["ogbg-molbace"].endswith("graph, binary, 1 output, rocauc; downloaded, or data.ogb_root")
    assert lines["ace-sim"].endswith("; embedded")


@pytest.mark.parametrize("kind", ["networks", "datasets"])
def test_a_broken_network_or_dataset_is_told_after_the_others(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"networks": listing.available, "datasets": catalog.available}[kind]()
    (tmp_path / kind).mkdir()
    (tmp_path / kind / "mine.py").write_text("import")
    with pytest.raises(SystemExit, match=rf"^error: \S*/{kind}/mine.py:1: SyntaxError: [^\n]*$"):
        getattr(lists, kind)(Namespace(folders=[str(tmp_path)]))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == known


MINE = '''"""A method of one's own."""
from methods.contract import Method

class Mine(Method):
    """Nothing."""
    title, year, citation = "Mine ×", 2024, "hinton2015distilling"

    def forward(self, student, teacher, batch):
        raise RuntimeError("no such\\n  thing")
'''
BROKEN = {
    "a syntax error": ("def broken(:\n", r":1: SyntaxError: invalid syntax"),
    "an import that fails": (
        "\n\nimport no_such_module\n",
        r":3: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "a helper without a method": ("SHARED = 1\n", r" must define exactly one Method, found 0"),
    "a file that ends the process": ("import sys\nsys.exit(3)\n", r":2: SystemExit: 3"),
    "a message of two lines": ("raise ValueError('one\\ntwo')\n", r":1: ValueError: one two"),
    "bytes that are no text": (b"\xff\xfe\x00", r"(:\d+)?: \w+Error: [^\n]*"),
    "a method without a title": (
        MINE.replace("title, year, citation", "a, b, c"),
        r": AttributeError: [^\n]*title[^\n]*",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_in_one_line_and_hides_no_other(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, told = BROKEN[case]
    whole = methods.available()
    file = written(tmp_path, "mine.py", text)
    with pytest.raises(SystemExit, match=rf"^error: \S*/methods/mine.py{told}$"):
        listed(tmp_path)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == whole
    if "title" not in told:
        ((_, _, (line,)),) = check.judged(str(file))
        assert re.fullmatch(rf"\S*/methods/mine.py{told}", line)


def test_every_broken_file_has_its_line_and_what_other_systems_leave_beside_them_has_none(tmp_path: Path) -> None:
    for name, text in (("first.py", "import"), ("second.py", "import"), ("._kd.py", b"\x00\x05\x16\x07")):
        written(tmp_path, name, text)
    with pytest.raises(SystemExit) as ended:
        listed(tmp_path)
    assert [line.split(":")[1].split("/")[-1] for line in str(ended.value).splitlines()] == ["first.py", "second.py"]


def test_a_loss_that_raises_is_told_with_its_line(tmp_path: Path) -> None:
    ((_, _, (line,)),) = check.judged(str(written(tmp_path, "mine.py", MINE)))
    assert re.fullmatch(r"\S*/methods/mine.py:9: RuntimeError: no such thing \[node/multiclass, .*\]", line)


def test_two_files_of_one_id_are_told_in_one_line_and_hide_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = methods.available()
    file = written(tmp_path, "kd.py", MINE)
    written(tmp_path, "mine.py", MINE)
    with pytest.raises(SystemExit, match=rf"^error: two files define the method 'kd': baselines/kd.py and {file}$"):
        listed(tmp_path)
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == sorted({*whole, "mine"} - {"kd"})


def test_a_terminal_that_lacks_a_character_still_gets_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "mine.py", MINE)
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    monkeypatch.setattr(sys, "argv", ["abkd-bench", "methods", str(tmp_path)])
    cli.main()
    sys.stdout.flush()
    assert b"Mine x" in shown.getvalue()
