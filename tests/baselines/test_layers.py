"""Methods that pair layers: depths of any kind, attention, schedules, and memory."""

from __future__ import annotations

import pytest
import torch

import methods
from baselines.parts.partners import partner
from methods.contract import Shape, Signals
from methods.testing import make_batch, make_signals
from tests.methods.cases import STUDENT, TEACHER, LargestTensor, build, signals, task

torch.set_num_threads(1)

BY_LAYERS = ["afd", "semckd", "reviewkd", "tined-energy"]


@pytest.mark.parametrize(
    ("of", "among", "wanted"),
    [(2, 2, [0, 1]), (1, 5, [4]), (2, 5, [2, 4]), (4, 64, [15, 31, 47, 63]), (5, 2, [0, 0, 1, 1, 1]), (3, 1, [0] * 3)],
)
def test_layers_meet_at_the_same_depth(of: int, among: int, wanted: list[int]) -> None:
    assert [partner(layer, of, among) for layer in range(of)] == wanted


@pytest.mark.parametrize("name", BY_LAYERS)
@pytest.mark.parametrize("layers", [((6,), (3,)), ((6, 6, 6, 6), (3,)), ((5,), (4, 4, 4)), ((5, 7, 6), (4, 2))])
def test_layers_of_any_number(name: str, layers: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    teacher, student = Shape(layers[0], 5), Shape(layers[1], 5)
    made = methods.create(name, teacher=teacher, student=student)
    batch = make_batch(labels=[0] * 9, edge_index=[[0, 1], [1, 2]])
    (term,) = made(make_signals(9, student, 1, True), make_signals(9, teacher, 2), batch).values()
    assert term.isfinite()
    term.backward()
    for head, parameter in made.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.any()), f"'{head}' does not move"


SAME = Shape((4, 3), 4)


@pytest.mark.parametrize("name", ["afd", "tined-energy", "cc"])
def test_a_student_equal_to_its_teacher_costs_nothing_without_attention(name: str) -> None:
    """AFD compares every layer with every other: of networks of one hidden layer nothing is left."""
    shape = Shape((3,), 4) if name == "afd" else SAME
    batch = task("node")
    t = signals(batch, shape, 2)
    (value,) = methods.create(name, teacher=shape, student=shape).double()(t, t, batch).values()
    assert value.item() == pytest.approx(0, abs=1e-11)


@pytest.mark.parametrize("kind", ["node", "graph"])
def test_afd_attends_to_the_layer_that_fits(kind: str) -> None:
    """Trained on fixed signals, the attention of each teacher layer goes to its copy among the student's."""
    batch = task(kind)
    t = signals(batch, SAME, 2)
    swapped = Signals(t.logits, (t.hidden[1], t.hidden[0]))
    torch.manual_seed(0)
    method = methods.create("afd", teacher=SAME, student=Shape((3, 4), 4), dim=8).double()
    optimizer = torch.optim.Adam(method.parameters(), lr=0.05)
    values = []
    for _ in range(200):
        optimizer.zero_grad()
        (value,) = method(swapped, t, batch).values()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.02 * values[0]


@pytest.mark.parametrize(("epoch", "share"), [(1, 0.05), (10, 0.5), (20, 1.0), (300, 1.0)])
def test_reviewkd_warms_up(epoch: int, share: float) -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    whole = build("reviewkd", warm_up=1)(s, t, batch)["review"].item()
    batch.epoch, batch.epochs = epoch, 300
    assert build("reviewkd")(s, t, batch)["review"].item() == pytest.approx(share * whole, rel=1e-12)


@pytest.mark.parametrize("name", ["afd", "semckd", "reviewkd"])
def test_deep_pairs_take_no_memory_of_rows_times_pairs_times_columns(name: str) -> None:
    n, teacher, student = 3000, Shape((32,) * 16, 5), Shape((8,) * 4, 5)
    extra = {"max_samples": n} if name == "semckd" else {}
    made, batch = methods.create(name, teacher=teacher, student=student, **extra), make_batch([0] * n)
    s, t = make_signals(n, student, 1, True), make_signals(n, teacher, 2)
    with LargestTensor() as seen:
        sum(made(s, t, batch).values()).backward()
    assert seen.elements <= n * sum(teacher.hidden), "the teacher's layers side by side"


def test_crd_of_one_row_is_zero() -> None:
    s, t = make_signals(1, STUDENT, 1, True), make_signals(1, TEACHER, 2)
    assert methods.create("crd", teacher=TEACHER, student=STUDENT)(s, t, make_batch([0]))["crd"].item() == 0


@pytest.mark.parametrize("correct", [0.25, 1.0])
def test_a_virtual_teacher_that_knows_nothing_is_label_smoothing_and_a_sure_one_is_finite(correct: float) -> None:
    batch = task("node")
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    value = build("virtual-teacher", correct=correct, temperature=1.0 if correct < 1 else 1e-3)(s, t, batch)["virtual"]
    assert value.isfinite()
    if correct < 1:  # a uniform target of 4 classes: the cross-entropy with it, less its entropy
        smoothing = build("label-smoothing")(s, t, batch)["smoothing"]
        assert value.item() == pytest.approx(smoothing.item() - 0.1 * torch.log(torch.tensor(4.0)).item(), rel=1e-6)


def test_graphakd_plays_against_its_discriminator() -> None:
    """The head lowers what the student raises, both by the value's own slope; of the other terms all is plain."""
    batch = task("node")
    s, t = signals(batch, STUDENT, 1, True), signals(batch, TEACHER, 2)
    method = build("graphakd-logits")
    step = 1e-6
    for term, sign in (("adversarial", -1), ("class", 1), ("l1", 1)):
        (gradient,) = torch.autograd.grad(method(s, t, batch)[term], s.logits)
        direction = gradient / gradient.norm()
        ahead, behind = (
            method(Signals(s.logits + shift * direction, s.hidden), t, batch)[term] for shift in (step, -step)
        )
        assert ((ahead - behind) / (2 * step)).item() == pytest.approx(sign * gradient.norm().item(), rel=1e-5)
    before = method(s, t, batch)["adversarial"]
    for parameter, slope in zip(
        method.parameters(), torch.autograd.grad(before, list(method.parameters())), strict=True
    ):
        parameter.data -= 0.01 * slope
    assert method(s, t, batch)["adversarial"] < before
