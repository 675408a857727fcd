"""`python -m methods` lists what can be set, checks one method, and ends with one line where it cannot."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

import methods
from methods.__main__ import check, list_methods, main


def test_the_list_names_every_method_and_what_can_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    list_methods()
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == methods.available()
    assert "(2015, hinton2015distilling)" in lines["kd"]
    assert "alpha=0.9, temperature=4.0, reduction=batchmean" in lines["kd"]
    assert "axis=teacher" in lines["abkd-pooled"]
    assert "dissimilarity" not in lines["abkd-pooled"]


def test_a_method_that_keeps_the_contract_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    check("supervised")
    assert capsys.readouterr().out == "supervised keeps the contract\n"


@pytest.mark.parametrize(
    ("method", "told"),
    [("kdd", "error: unknown method 'kdd'; allowed: abkd, "), ("kd+gcrd", "error: 'kd+gcrd' composes 2 methods")],
)
def test_what_is_no_method_ends_with_one_line(method: str, told: str) -> None:
    with pytest.raises(SystemExit) as ended:
        check(method)
    assert str(ended.value).startswith(told)
    assert "\n" not in str(ended.value)


def test_a_broken_rule_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods.load("supervised"), "title", "")
    with pytest.raises(SystemExit, match=r"^error: supervised: no title$"):
        check("supervised")


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
    case: str, added: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    text, told = BROKEN[case]
    whole = methods.available()
    added("mine.py", text)
    line = rf"^error: \S*/methods/mine.py{told}$"
    with pytest.raises(SystemExit, match=line):
        list_methods()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == whole
    if "title" not in told:
        with pytest.raises(SystemExit, match=line):
            check("mine")


def test_every_broken_file_has_its_line(added: Callable[..., str]) -> None:
    added("first.py", "import")
    added("second.py", "import")
    with pytest.raises(SystemExit) as ended:
        list_methods()
    assert [line.split(":")[1].split("/")[-1] for line in str(ended.value).splitlines()] == ["first.py", "second.py"]


def test_what_other_systems_leave_beside_a_file_is_no_method(added: Callable[..., str]) -> None:
    added("._kd.py", b"\x00\x05\x16\x07")
    list_methods()


def test_a_loss_that_raises_is_told_with_its_line(added: Callable[..., str]) -> None:
    with pytest.raises(
        SystemExit, match=r"^error: \S*/methods/mine.py:9: RuntimeError: no such thing \[node/multiclass, .*\]$"
    ):
        check(added("mine.py", MINE))


def test_two_files_of_one_id_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice() -> list[str]:
        raise ValueError("two files define the method 'kd': a and b")

    monkeypatch.setattr(methods, "available", twice)
    with pytest.raises(SystemExit, match=r"^error: two files define the method 'kd': a and b$"):
        list_methods()


def test_a_terminal_that_lacks_a_character_still_gets_the_list(
    added: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    added("mine.py", MINE)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(sys, "argv", ["methods"])
    main()
    sys.stdout.flush()
    assert b"Mine ?" in written.getvalue()


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_without_an_action_the_methods_are_listed(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["methods", *arguments])
    main()
    assert len(capsys.readouterr().out.splitlines()) == len(methods.available())


def test_check_needs_an_id(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["methods", "check"])
    with pytest.raises(SystemExit):
        main()
    assert "required: id" in capsys.readouterr().err
