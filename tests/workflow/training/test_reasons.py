"""The reason of a failed row says where, and whose fault it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import methods
from methods import plugins
from methods.contract import Signals
from reports import files
from tests.workflow.training.conftest import STUDENT, cell
from workflow.models import model as models
from workflow.steps import new


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Somebody's home folder, with a folder of their own methods and networks."""
    monkeypatch.setattr(files.Path, "home", lambda: tmp_path)
    monkeypatch.setenv(plugins.VARIABLE, "[]")
    files._names.cache_clear()
    yield tmp_path / "lab"
    files._names.cache_clear()


def write(home: Path, kind: str, old: str, instead: str) -> str:
    """A template with one fault, in use; gives the line of the fault."""
    file = new.write(kind, "mine", home)
    text = file.read_text()
    file.write_text(text.replace(old, instead))
    plugins.use([str(home)], Path())
    return str(1 + text[: text.index(old)].count("\n"))


def reason(taught: Any, method: str, **changes: Any) -> str:
    (row,) = taught.distill(cell(method, **changes), seeds=(0,))
    assert row["status"] == "failed", row
    return str(row["reason"])


def test_a_method_of_ones_own_is_named_without_the_home_folder(home: Path, taught: Any) -> None:
    line = write(home, "method", "self.project(h_student), h_teacher", "h_student, h_teacher")
    assert re.fullmatch(
        rf"~/lab/methods/mine\.py:{line}: RuntimeError: The size of tensor a .*", reason(taught, "mine")
    )


def test_a_network_is_named(home: Path, taught: Any) -> None:
    line = write(home, "network", "return Signals(", "return Signals(1 / 0, ")
    found = reason(taught, "kd", model={**STUDENT, "model": "mine"})
    assert found == f"~/lab/networks/mine.py:{line}: ZeroDivisionError: division by zero"


def test_a_shipped_method_is_named_from_the_repository_on(taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("baselines.kd.logits_of", fails)
    assert re.fullmatch(r"baselines/kd\.py:\d+: RuntimeError: two lines", reason(taught, "kd"))


TERMS = {
    "list": (lambda s: [s.logits.sum()], "forward must return a dict of terms by name, not list"),
    "number": (lambda s: {"x": 0.5}, "term 'x' is not a finite scalar: a float, where a tensor is needed"),
    "vector": (lambda s: {"x": s.logits.sum(1)}, r"term 'x' is not .*: its shape is \[\d+\], so take its mean"),
}


@pytest.mark.parametrize("kind", TERMS)
def test_terms_that_are_no_scalars_by_name_are_refused(kind: str, taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    give, message = TERMS[kind]
    monkeypatch.setattr(methods.load("kd"), "forward", lambda self, student, *_: give(student))
    assert re.fullmatch(f"ValueError: kd: {message}", reason(taught, "kd"))


def test_so_are_those_of_a_view(taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = methods.load("kd")
    monkeypatch.setattr(cls, "uses_view", True)
    monkeypatch.setattr(cls, "view", lambda *_: torch.zeros(()))
    assert reason(taught, "kd") == "ValueError: kd: view must return a dict of terms by name, not Tensor"


def test_so_are_those_of_a_part_by_its_own_name(taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods.load("at"), "forward", lambda self, student, *_: [student.logits.sum()])
    assert reason(taught, "kd+at") == "ValueError: at: forward must return a dict of terms by name, not list"


GIVEN = {
    "tuple": (lambda s: (s.logits, s.hidden), "must return Signals(logits, hidden), not tuple"),
    "list": (lambda s: Signals(s.logits, [[1.0]]), "must return Signals of tensors, not of list"),  # type: ignore[list-item]
    "shallower": (
        lambda s: Signals(s.logits, s.hidden[1:]),
        "returns layers Shape(hidden=(), out=3), but self.shape is Shape(hidden=(4,), out=3)",
    ),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_a_network_that_breaks_its_promise_is_named(kind: str, taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    give, message = GIVEN[kind]
    cls = models.load("sage")
    forward = cls.forward
    monkeypatch.setattr(cls, "forward", lambda self, *inputs: give(forward(self, *inputs)))
    found = reason(taught, "kd", model={**STUDENT, "model": "sage"})
    assert found == f"PromiseError: sage: forward {message}"
