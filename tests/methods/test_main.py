"""`python -m methods` lists what can be set, checks one method, and ends with one line where it cannot."""

from __future__ import annotations

import sys

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


def test_a_file_that_cannot_be_loaded_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(method: str) -> None:
        raise ImportError("no module 'missing'")

    monkeypatch.setattr(methods, "load", broken)
    for action in (list_methods, lambda: check("kd")):
        with pytest.raises(SystemExit, match=r"^error: [a-z-]+: ImportError: no module 'missing'$"):
            action()


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
