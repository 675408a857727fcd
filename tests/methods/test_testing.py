"""The test-kit catches what it is for: each class below breaks one rule."""

from __future__ import annotations

import pytest
import torch

from methods.contract import Batch, Method, Shape, Signals
from methods.testing import check_contract

torch.set_num_threads(1)


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
        if self.fault == "random":
            error = error * torch.rand(1, dtype=error.dtype)
        if self.fault == "state":
            self.steps += 1
            error = error / self.steps
        if self.fault == "epoch":
            error = error * batch.epoch
        if self.fault == "order":
            error = error[:3]
        if self.fault == "scale":
            return {"x": error.sum()}
        if self.fault == "vector":
            return {"x": error.mean(1)}
        if self.fault == "memo":
            kept = batch.memo(self, "head", lambda: self.head(h).mean())
            return {"x": error.mean() + kept}
        if self.fault == "root":
            return {"x": error.mean() + h.norm(dim=1).mean().sqrt()}
        return {"x": error.mean()}


FAULTS = {
    "memo": "batch.memo keeps must rest on the teacher",
    "teacher": "teacher receives a gradient",
    "head": "does not move",
    "random": "global random state moved; draw from batch.generator",
    "state": "parameters and buffers",
    "order": "order of nodes",
    "epoch": "declare uses_epoch",
    "scale": "number of nodes",
    "vector": "finite scalar",
    "shapes": "not refused",
    "root": "student of zeros",
}


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_the_checks_catch_a_broken_method(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = type("Broken", (Broken,), {"fault": fault, "__doc__": "x"})
    monkeypatch.setattr("methods.registry.load", lambda name: broken)
    if fault == "":
        check_contract("kd")
    else:
        with pytest.raises(AssertionError, match=FAULTS[fault]):
            check_contract("kd")
