"""Methods that ask for more than signals: a memory, a second view, an adversary."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import methods
from baselines import tined_energy
from baselines.parts.neighbours import neighbourhood
from methods.contract import Batch, Shape
from methods.kernels import unit_rows
from methods.rehearsal import ToyStudent, begun
from methods.testing import make_batch, make_signals
from methods.vocabulary import Objective
from tests.methods.cases import ROWS, STUDENT, TEACHER, build, shaken, signals, task
from tests.methods.reference import softmax, unit

torch.set_num_threads(1)


def test_the_memory_moves_where_a_step_was_and_its_scale_stays() -> None:
    batch = task("node")
    batch.find_ids = lambda: torch.arange(ROWS).flip(0)
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    method = begun(methods.create("crd-bank", teacher=TEACHER, student=STUDENT, projection=6), 2 * ROWS).double()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method(s, t, batch)
    after = {name: value.clone() for name, value in method.state_dict().items()}
    for name, head, h in (
        ("of_student", method.student_head, s.last),
        ("of_teacher", method.teacher_head, t.last),
    ):
        anchors = head(h).detach().numpy()
        for row, number in enumerate(batch.ids.tolist()):
            moved = unit(0.5 * before[name][number].numpy() + 0.5 * unit(anchors[row]))
            np.testing.assert_allclose(after[name][number].numpy(), moved, rtol=1e-9)
        assert torch.equal(after[name][ROWS:], before[name][ROWS:])
    assert before["log_scale"].isnan().all()
    assert not after["log_scale"].isnan().any()
    method(s, t, batch)
    assert torch.equal(method.log_scale, after["log_scale"])
    assert not torch.equal(method.of_student, after["of_student"])


def test_negatives_are_rows_that_are_distilled() -> None:
    """Rows that no step brings would stay at their random start for good."""
    members = torch.tensor([1, 4, 5])
    method = begun(methods.create("crd-bank", teacher=TEACHER, student=STUDENT, projection=4), members)
    assert method.of_student.shape == (6, 4)
    with torch.no_grad():
        for memory in (method.of_student, method.of_teacher):
            memory[[0, 2, 3]] = torch.nan
    batch = make_batch([0, 1, 2])
    batch.find_ids = lambda: members
    (value,) = method(make_signals(3, STUDENT, 1), make_signals(3, TEACHER, 2), batch).values()
    assert value.isfinite()


def attacked(toy: ToyStudent, z_teacher: np.ndarray, radius: float, steps: int) -> float:
    """Projected gradients by the closed gradient of KL(softmax(z_T) || softmax(x W)): (p_S - p_T) W' / n."""
    x, w = toy.features[0].numpy(), toy.weights[-1].detach().numpy()
    draws = torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    delta = radius * (2 * draws - 1)
    wanted = np.array([softmax(row) for row in z_teacher])
    for _ in range(steps):
        found = np.array([softmax(row) for row in (x + delta) @ w])
        delta = np.clip(delta + radius / 4 * np.sign((found - wanted) @ w.T / len(x)), -radius, radius)
    found = np.array([softmax(row) for row in (x + delta) @ w])
    return float((wanted * (np.log(wanted) - np.log(found))).sum() / len(x))


@pytest.mark.parametrize(("radius", "steps", "alpha"), [(0.01, 5, 1.0), (0.3, 2, 0.4)])
def test_nosmog_attacks_the_features(radius: float, steps: int, alpha: float) -> None:
    batch, toy = task("node"), ToyStudent(task("node"), STUDENT)
    t = signals(batch, TEACHER, 2)
    method = build("nosmog", radius=radius, steps=steps, alpha=alpha)
    (value,) = method.view(toy.features, toy, t, batch).values()
    assert value.item() == pytest.approx(alpha * 0.1 * attacked(toy, t.logits.numpy(), radius, steps), rel=1e-9)
    value.backward()
    assert toy.weights[-1].grad is not None
    assert torch.equal(toy.features[0], ToyStudent(task("node"), STUDENT).features[0])
    plain = torch.nn.functional.kl_div(
        toy(toy.features).logits.log_softmax(1), t.logits.log_softmax(1), reduction="batchmean", log_target=True
    )
    assert value > alpha * 0.1 * plain, "the attack raises the divergence"


@pytest.mark.parametrize("term", ["local", "global", "global_own"])
def test_graphakd_plays_against_its_embedding_discriminators(term: str) -> None:
    """The student's side, with its map, climbs by the value's own slope what the discriminators descend.

    Beside its own summary it descends with them.
    """
    batch = task("node")
    s, t = signals(batch, STUDENT, 1, True), signals(batch, TEACHER, 2)
    method = shaken(build("graphakd"))
    students = [s.last, *method.map.parameters()]
    others = [method.get_parameter(f"{term.removesuffix('_own')}_{name}") for name in ("columns", "scale")]
    step = 1e-6
    for leaves, sign in ((students, 1 if term == "global_own" else -1), (others, 1)):
        for leaf in leaves:
            (gradient,) = torch.autograd.grad(method(s, t, batch)[term], leaf)
            direction = step * gradient / gradient.norm()
            values = []
            for shift in (1, -1):
                with torch.no_grad():
                    leaf.add_(shift * direction)
                    values.append(method(s, t, batch)[term].item())
                    leaf.sub_(shift * direction)
            assert (values[0] - values[1]) / (2 * step) == pytest.approx(sign * gradient.norm().item(), rel=1e-4)


def test_graphakd_of_one_width_needs_no_map() -> None:
    same = methods.create("graphakd", teacher=Shape((5,), 4), student=Shape((5,), 4))
    assert isinstance(same.map, nn.Identity)


def test_a_composition_hands_on_what_its_parts_ask_for() -> None:
    made = begun(methods.create("krd-noise+srrl+nosmog+crd-bank", teacher=TEACHER, student=STUDENT), ROWS).double()
    assert (made.uses_ids, made.uses_view) == (True, True)
    assert methods.teacher_extras("krd-noise+srrl+kd") == ["classifier", "noise_entropy"]
    batch, toy = task("node"), ToyStudent(task("node"), STUDENT)
    s, t = signals(batch, STUDENT, 1), signals(batch, TEACHER, 2)
    terms: dict[str, torch.Tensor] = made(s, t, batch)
    assert {"krd-noise.krd", "srrl.feature", "srrl.verdict", "nosmog.kd", "crd-bank.crd"} <= set(terms)
    assert list(made.view(toy.features, toy, t, batch)) == ["nosmog.adversarial"]
    plain = methods.create("kd+gcrd", teacher=TEACHER, student=STUDENT)
    assert (plain.uses_ids, plain.uses_view, plain.teacher_extras) == (False, False, ())


def test_a_batch_without_ids_says_so() -> None:
    bare = Batch(torch.zeros(3, dtype=torch.int64), torch.zeros(2, 0, dtype=torch.int64), torch.Generator())
    with pytest.raises(ValueError, match="no ids"):
        _ = bare.ids


def test_walks_stay_where_there_is_no_edge() -> None:
    batch = make_batch([[0.0] * 4] * 2, None, Objective.BINARY, [0, 0, 1])
    s, t = make_signals(3, STUDENT, 1, graphs=2), make_signals(3, TEACHER, 2, graphs=2)
    terms = begun(methods.create("mugsi", teacher=TEACHER, student=STUDENT), 2, 3)(s, t, batch)
    assert terms["walks"].item() == pytest.approx(0, abs=1e-6), "all steps of a walk at one node"


def test_standardised_logits_of_two_classes_say_nothing() -> None:
    """They are always 1 and -1: the term would be a constant, and the row one of the labels alone."""
    two, three = Shape((4,), 2), Shape((4,), 3)
    facts = SimpleNamespace(kind="node", objective="multiclass", num_edges=1)
    assert methods.skip("kd-standardised", facts, two, two) == "kd-standardised: needs at least three classes"
    assert methods.skip("kd-standardised", facts, three, three) is None


@pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-4])
def test_energies_of_rows_that_are_nearly_the_same(spread: float) -> None:
    """As under an oversmoothed teacher, in float32, against differences in float64."""
    generator = torch.Generator().manual_seed(3)
    rows = 1 + spread * torch.randn(500, 16, generator=generator, dtype=torch.float64)
    batch = make_batch([0] * 500, torch.randint(500, (2, 2000), generator=generator).tolist())
    edges = neighbourhood(batch)
    unit = rows / rows.norm(dim=1, keepdim=True)
    ends = torch.repeat_interleave(edges.pointers.diff())
    exact = (unit[ends] - unit[edges.columns]).square().sum(1).mean()
    found = tined_energy._energy(unit_rows(rows.float()), edges)
    torch.testing.assert_close(found.double(), exact, rtol=1e-2, atol=0)
