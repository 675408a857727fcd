"""Every method gives on the GPU what it gives on the CPU: terms, gradients, and where twenty steps lead."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import methods
from methods.cases import Case, cases
from methods.contract import Batch, Method, Shape, Signals
from methods.rehearsal import begun
from methods.vocabulary import Kind
from tests.gpu.numbers import DEVICE, HOST, TOLERANCE, assert_near, batch_on, distance, nudged, signals_on

TEACHER, STUDENT = Shape((24, 20), 5), Shape((12, 9), 5)
ROWS, STEPS, RATE = 240, 20, 0.05
CASES = {f"{one.kind}-{one.objective}": one for one in cases(STUDENT.out, ROWS) if one.kind != Kind.HETEROGENEOUS}
"""A method sees the same of nodes of one type and of several."""
METHODS = methods.available()


def rounded(tensor: Tensor, precision: torch.dtype) -> Tensor:
    """To single precision, and then to another."""
    return tensor.detach().float().to(precision)


def labelled(case: Case, precision: torch.dtype) -> Case:
    labels = rounded(case.labels, precision) if case.labels.is_floating_point() else case.labels
    return replace(case, labels=labels)


def made(method_id: str, device: torch.device, precision: torch.dtype) -> Method:
    torch.manual_seed(0)
    return begun(methods.create(method_id, teacher=TEACHER, student=STUDENT), ROWS).to(device, precision)


def inputs(case: Case, device: torch.device, precision: torch.dtype) -> tuple[Signals, Signals]:
    found = [
        Signals(rounded(s.logits, precision), tuple(rounded(h, precision) for h in s.hidden))
        for s in (case.signals(STUDENT, 1), case.signals(TEACHER, 2))
    ]
    student, teacher = (signals_on(s, device) for s in found)
    for leaf in (student.logits, *student.hidden):
        leaf.requires_grad_()
    return student, teacher


class Descent:
    """Signals of a student and the heads of a method, which descend together."""

    def __init__(
        self, method_id: str, case: Case, device: torch.device, seed: int = 0, precision: torch.dtype = torch.float32
    ) -> None:
        self.method = made(method_id, device, precision)
        self.student, self.teacher = inputs(case, device, precision)
        self.batch: Batch = batch_on(labelled(case, precision).batch(), device, seed)
        self.leaves = [self.student.logits, *self.student.hidden, *self.method.parameters()]
        self.optimizer = torch.optim.SGD(self.leaves, lr=RATE)

    def step(self) -> list[Tensor]:
        """The terms."""
        self.optimizer.zero_grad()
        terms = list(self.method(self.student, self.teacher, self.batch).values())
        if terms:
            torch.stack(terms).sum().backward()
            self.optimizer.step()
        return terms

    @property
    def gradients(self) -> list[Tensor | None]:
        return [leaf.grad for leaf in self.leaves]


def draws(method_id: str, case: Case) -> bool:
    """Whether the terms rest on a random stream, which differs between devices."""
    one, other = (Descent(method_id, case, HOST, seed).step() for seed in (0, 1))
    return [x.item() for x in one] != [x.item() for x in other]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method_id", METHODS)
def test_the_gpu_gives_the_numbers_of_the_cpu(method_id: str, case: str) -> None:
    chosen = CASES[case]
    if reason := methods.load(method_id).skip(chosen, TEACHER, STUDENT):
        pytest.skip(reason)
    here, there = Descent(method_id, chosen, HOST), Descent(method_id, chosen, DEVICE)
    first, on_gpu = here.step(), there.step()
    assert all(term.device.type == DEVICE.type for term in on_gpu)
    if draws(method_id, chosen):
        assert all(bool(term.isfinite()) for term in on_gpu)
        again = Descent(method_id, chosen, DEVICE)
        assert [x.item() for x in again.step()] == [x.item() for x in on_gpu]
        return
    assert_near("terms", on_gpu, first)
    exact = Descent(method_id, chosen, HOST, precision=torch.float64)
    exact.step()
    # Squared distances by |a|^2 + |b|^2 - 2 a.b cancel: what single precision loses so on one device, two lose apart.
    lost = distance(here.gradients, exact.gradients)
    assert_near("gradients", there.gradients, here.gradients, max(TOLERANCE, 3 * lost))
    beside = Descent(method_id, chosen, HOST)
    beside.step()
    nudged(beside.leaves)
    for _ in range(STEPS - 1):
        for descent in (here, there, beside):
            descent.step()
    noise = distance(beside.leaves, here.leaves)
    assert_near("after twenty steps", there.leaves, here.leaves, max(TOLERANCE, 3 * noise))
