"""What the baselines' losses leave alone, where they vanish, and their corner cases."""

from __future__ import annotations

import pytest
import torch

import methods
from methods import kernels
from methods.contract import Shape, Signals
from methods.testing import make_batch, make_signals
from tests.methods.cases import ROWS, STUDENT, TEACHER, build, signals, task

torch.set_num_threads(1)


def scaled(s: Signals, factor: float) -> Signals:
    return Signals(s.logits, tuple(h * factor for h in s.hidden))


SCALE_FREE = [
    ("at", {}),
    ("lsp", {"kernel": "cosine"}),
    ("lsp", {"kernel": "poly"}),
    ("gsp", {"kernel": "cosine"}),
    ("gsp", {"kernel": "poly"}),
    ("rkd", {}),
    ("sp", {}),
    ("pkt", {}),
    ("nst", {}),
    ("cka", {}),
]


@pytest.mark.parametrize(("name", "hyperparameters"), SCALE_FREE)
@pytest.mark.parametrize("side", ["student", "teacher"])
def test_scale_of_hidden_states_does_not_matter(name: str, hyperparameters: dict[str, object], side: str) -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    plain = build(name, **hyperparameters)(s, t, task("node"))
    s2, t2 = (scaled(s, 7.0), t) if side == "student" else (s, scaled(t, 7.0))
    for term, value in build(name, **hyperparameters)(s2, t2, task("node")).items():
        assert value.item() == pytest.approx(plain[term].item(), rel=1e-8)


def test_fitnet_ignores_the_teachers_scale() -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    plain = build("fitnet")(s, t, task("node"))["fitnet"].item()
    assert build("fitnet")(s, scaled(t, 7.0), task("node"))["fitnet"].item() == pytest.approx(plain, rel=1e-9)


def test_kd_ignores_a_shift_of_the_logits_and_vanishes_at_the_teacher() -> None:
    batch = task("node")
    t = signals(batch, STUDENT, 2)
    method = build("kd")
    s = Signals(t.logits + 3.0, t.hidden)
    assert method(s, t, batch)["kd"].item() == pytest.approx(0, abs=1e-12)


SAME_WIDTH = Shape((4, 3), 4)


@pytest.mark.parametrize(
    "name", ["at", "lsp", "gsp", "sp", "pkt", "nst", "cka", "rkd", "dkd", "dist", "kd-standardised"]
)
def test_a_student_equal_to_its_teacher_costs_nothing(name: str) -> None:
    batch = task("node")
    t = signals(batch, SAME_WIDTH, 2)
    method = methods.create(name, teacher=SAME_WIDTH, student=SAME_WIDTH)
    for value in method(t, t, batch).values():
        assert value.item() == pytest.approx(0, abs=1e-9)


def test_lsp_of_one_neighbour_and_of_none_is_zero() -> None:
    batch = make_batch([0] * 4, [[0, 1], [1, 2]])
    s, t = make_signals(4, STUDENT, 1, True), make_signals(4, TEACHER, 2)
    value = methods.create("lsp", teacher=TEACHER, student=STUDENT)(s, t, batch)["lsp"]
    assert value.item() == pytest.approx(0, abs=1e-6)
    empty = make_batch([0] * 4)
    methods.create("lsp", teacher=TEACHER, student=STUDENT)(s, t, empty)["lsp"].backward()


@pytest.mark.parametrize("name", ["lsp", "gsp"])
@pytest.mark.parametrize("kernel", kernels.KERNELS)
def test_identical_rows_have_finite_gradients(name: str, kernel: str) -> None:
    batch = task("node")
    t = make_signals(ROWS, TEACHER, 2)
    row = torch.full((ROWS, 3), 0.7, requires_grad=True)
    s = Signals(torch.zeros(ROWS, 4), (torch.ones(ROWS, 4), row))
    (value,) = methods.create(name, teacher=TEACHER, student=STUDENT, kernel=kernel)(s, t, batch).values()
    value.backward()
    assert row.grad is not None
    assert bool(row.grad.isfinite().all())


def test_one_row_has_no_negatives() -> None:
    s, t = make_signals(1, STUDENT, 1, True), make_signals(1, TEACHER, 2)
    batch = make_batch([0])
    assert methods.create("gcrd", teacher=TEACHER, student=STUDENT)(s, t, batch)["gcrd"].item() == 0
