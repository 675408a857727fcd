"""The test-kit catches what it is for: each class below breaks one rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch

from methods.contract import Batch, Method, Shape, Signals
from methods.reversal import reversed_gradient
from methods.testing import check_contract
from methods.vocabulary import Extra

torch.set_num_threads(1)


UNSEEDED = torch.Generator().manual_seed(1)
"""Of a method that draws from its own and not from the batch's."""

FACTORS: dict[str, Callable[[Batch], torch.Tensor | int]] = {
    "random": lambda batch: torch.rand(1),
    "seed": lambda batch: 1 + torch.rand(1, generator=UNSEEDED),
    "epoch": lambda batch: batch.epoch,
    "ids": lambda batch: 1 + batch.ids[:, None] % 2,
    "edges": lambda batch: 1 + torch.bincount(batch.edge_index[1], minlength=batch.rows)[:, None],
}
"""Fault -> what a method that commits it multiplies its errors [n, d] by."""


class Broken(Method):
    """A method that breaks one rule at a time, for the tests of the test-kit."""

    title, year, citation, uses_hidden = "Broken", 2020, "hinton2015distilling", True
    fault = ""

    def __init__(self, teacher: Shape, student: Shape) -> None:
        super().__init__(teacher, student)
        self.steps = 0
        self.head = torch.nn.Linear(student.hidden[-1], teacher.hidden[-1])

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, torch.Tensor]:
        h, target = student.last, teacher.last if self.fault == "teacher" else teacher.last.detach()
        if self.fault != "shapes" and h.shape[0] != target.shape[0]:
            raise ValueError(f"kd: {h.shape} {target.shape}")
        r = h @ h.new_ones(h.shape[1], target.shape[1]) if self.fault == "head" else self.head(h)
        error = (r - target).square()
        if self.fault in FACTORS:
            error = error * FACTORS[self.fault](batch)
        if self.fault == "state":
            self.steps += 1
            error = error / self.steps
        if self.fault == "order":
            error = error[:3]
        if self.fault == "scale":
            return {"x": error.sum()}
        if self.fault == "vector":
            return {"x": error.mean(1)}
        if self.fault == "memo":
            kept = batch.memo(self, "head", lambda: self.head(h).mean())
            return {"x": error.mean() + kept}
        if self.fault == "surroundings":
            return {"x": (error.mean(1) * batch.neighbours[0].diff()).mean()}
        if self.fault == "root":
            return {"x": error.mean() + h.norm(dim=1).mean().sqrt()}
        return {"x": error.mean()}


class Asking(Broken):
    """The same, of what a method may declare."""

    uses_view, reverses, uses_ids = True, True, True
    teacher_extras = (Extra.CLASSIFIER,)

    def begin(self, ids: torch.Tensor, extras: Mapping[Extra, torch.Tensor]) -> None:
        self.register_buffer("first", ids[:1])
        _ = extras[Extra.CLUSTERS if self.fault == "extra" else Extra.CLASSIFIER]

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, torch.Tensor]:
        if self.fault == "one side":
            return super().forward(student, teacher, batch)
        return super().forward(Signals(student.logits, (reversed_gradient(student.last),)), teacher, batch)

    def view(self, features, answer, teacher: Signals, batch: Batch) -> dict[str, torch.Tensor]:  # type: ignore[no-untyped-def]
        noise = torch.rand(features[0].shape, generator=None if self.fault == "view random" else batch.generator)
        seen, target = answer([features[0] + noise]).logits, teacher.logits
        error = (seen - (target if self.fault == "view teacher" else target.detach())).square()
        return {"x" if self.fault == "view name" else "y": error if self.fault == "view vector" else error.mean()}


ASKING = {
    "extra": "does not declare",
    "one side": "the student lowers every term",
    "view teacher": "receives a gradient from view",
    "view random": "moves a global random state",
    "view name": "that forward gives, too",
    "view vector": "'y' is not a finite scalar",
}
UNDECLARED = {
    "begin": ({"uses_ids": False, "teacher_extras": (), "begin": lambda self, ids, extras: None}, "defines begin"),
    "view": ({"uses_view": False}, "defines view and does not declare uses_view"),
    "no view": ({"view": Method.view}, "declares uses_view and does not define view"),
    "apart": ({"labels_apart": True, "forward": lambda self, s, t, batch: {}}, "labels_apart without a term"),
    "apart how": ({"labels_apart": "first"}, "labels_apart = 'first'; allowed: True, False"),
}


@pytest.mark.parametrize("fault", ["", *ASKING])
def test_the_checks_catch_what_is_not_done_as_declared(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = type("Asking", (Asking,), {"fault": fault, "__doc__": "x"})
    monkeypatch.setattr("methods.registry.load", lambda name: cls)
    if not fault:
        check_contract("kd")
        return
    with pytest.raises(AssertionError, match=ASKING[fault]):
        check_contract("kd")


@pytest.mark.parametrize("fault", UNDECLARED)
def test_the_checks_catch_what_is_not_declared(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, message = UNDECLARED[fault]
    cls = type("Asking", (Asking,), {"__doc__": "x", **changes})
    monkeypatch.setattr("methods.registry.load", lambda name: cls)
    with pytest.raises(AssertionError, match=message):
        check_contract("kd")


FAULTS = {
    "memo": "batch.memo keeps must rest on the teacher",
    "ids": "declare uses_ids",
    "teacher": "teacher receives a gradient",
    "head": "does not move",
    "random": "global random state moved; draw from batch.generator",
    "state": "would lose",
    "order": "order of nodes",
    "epoch": "declare uses_epoch",
    "scale": "number of nodes",
    "surroundings": "heed batch.own",
    "vector": "finite scalar",
    "shapes": "not refused",
    "root": "student of zeros",
    "edges": "declare uses_edges",
    "seed": "same seed",
}


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_the_checks_catch_a_broken_method(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = type("Broken", (Broken,), {"fault": fault, "__doc__": "x", "uses_edges": fault == "surroundings"})
    monkeypatch.setattr("methods.registry.load", lambda name: broken)
    if fault == "":
        check_contract("kd")
    else:
        with pytest.raises(AssertionError, match=FAULTS[fault]):
            check_contract("kd")
