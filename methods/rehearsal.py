"""What the loop does for methods that ask for more than signals, with made-up data; and the checks of what they ask.

`begun` stands for the pipeline's call of `begin`, a `ToyStudent` for the network that `view` may ask again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.terms import misshapen
from methods.vocabulary import Extra

COMMUNITIES = 4
STEP = 1e-4
HELPERS = "last_of, layers_of or logits_of of methods.pairing"
"""What checks shapes, and detaches the teacher."""


def made_up(extra: Extra, units: int, rows: int, teacher: Shape, seed: int = 0) -> Tensor:
    """A value of a teacher's extra, of the right shape, for so many units and hidden rows."""
    generator = torch.Generator().manual_seed(seed)
    if extra is Extra.CLASSIFIER:
        return torch.randn(teacher.out, teacher.hidden[-1] + 1, generator=generator)
    if extra is Extra.NOISE_ENTROPY:
        return torch.rand(units, generator=generator)
    return torch.randint(COMMUNITIES, (rows,), generator=generator)


def begun(method: Method, ids: Tensor | int, rows: int | None = None) -> Method:
    """The method after `begin`, with made-up extras.

    Args:
        ids: of the distilled units, ascending; or how many there are.
        rows: hidden rows of the task; by default its units.

    Raises:
        AssertionError: it asks for an extra that it does not declare.
    """
    ids = torch.arange(ids) if isinstance(ids, int) else ids
    units = int(ids.max()) + 1
    extras = {e: made_up(e, units, rows or units, method.teacher_shape) for e in method.teacher_extras}
    try:
        method.begin(ids, extras)
    except KeyError as name:
        raise AssertionError(f"begin asks for {name}, which teacher_extras does not declare") from None
    return method


def global_randomness() -> tuple[bytes, str, object]:
    """The states of torch's, numpy's and Python's own streams."""
    return torch.get_rng_state().numpy().tobytes(), repr(np.random.get_state(legacy=False)), random.getstate()


class ToyStudent:
    """A network of one layer on features [n, f] of a batch's rows, whose signals are what `Method.view` asks for."""

    def __init__(self, batch: Batch, shape: Shape, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)

        def draw(*size: int) -> Tensor:
            return torch.randn(size, generator=generator, dtype=torch.float64)

        self.features = [draw(batch.rows, 6)]
        self.weights = [draw(6, width).requires_grad_() for width in shape.layers]
        self.pool = batch.pool

    def __call__(self, features: Sequence[Tensor]) -> Signals:
        *hidden, logits = (features[0] @ weight for weight in self.weights)
        return Signals(self.pool(logits), tuple(h.tanh() for h in hidden))


def step(method: Method, s: Signals, t: Signals, batch: Batch, seed: int) -> dict[str, float]:
    """The terms of a step as numbers, those of a second view, by a student of this seed, included."""
    terms = method(s, t, batch)
    if method.uses_view:
        toy = ToyStudent(batch, s.shape, seed)
        terms |= method.view(toy.features, toy, t, batch)
    return {name: term.item() for name, term in terms.items()}


def check_declared(where: str, build: Callable[[], Method], batch: Callable[[], Batch], s: Signals, t: Signals) -> None:
    """All that a method declares beyond its terms, and that it declares all.

    Raises:
        AssertionError: naming what is broken.
    """
    method = build()
    check_declarations(where, method)
    if method.uses_view:
        check_view(where, build, batch, s.shape, t)
    if method.reverses:
        check_reversal(where, method, s, t, batch)


def check_declarations(where: str, method: Method) -> None:
    """What a class defines it must declare, so that the loop calls it.

    Raises:
        AssertionError: naming what is missing.
    """
    cls = type(method)
    for name, declared, words in (
        ("begin", method.uses_ids or bool(method.teacher_extras), "uses_ids or teacher_extras"),
        ("view", method.uses_view, "uses_view"),
    ):
        defined = getattr(cls, name) is not getattr(Method, name)
        assert declared or not defined, f"{where}: defines {name} and does not declare {words}"
        assert name != "view" or defined or not declared, f"{where}: declares uses_view and does not define view"
    assert all(isinstance(extra, Extra) for extra in method.teacher_extras), f"{where}: unknown teacher_extras"


def check_view(where: str, build: Callable[[], Method], batch: Callable[[], Batch], student: Shape, t: Signals) -> None:
    """The terms of a second view: finite scalars with names of their own, drawn from the batch, that reach the student.

    Raises:
        AssertionError: naming what is broken.
    """
    values, toy = [], ToyStudent(batch(), student)
    for _ in range(2):
        first, before = build()(toy(toy.features), t, batch()), global_randomness()
        terms = build().view(toy.features, toy, t, batch())
        assert global_randomness() == before, f"{where}: view moves a global random state"
        for text in misshapen(terms, "view"):
            raise AssertionError(f"{where}: {text}")
        assert terms, f"{where}: view gives no term"
        assert not terms.keys() & first.keys(), f"{where}: view gives a term that forward gives, too"
        for name, term in terms.items():
            assert bool(term.isfinite()), f"{where}: term '{name}' is not a finite scalar"
        values.append({name: term.item() for name, term in terms.items()})
    assert values[0] == values[1], f"{where}: the same seed gives another view"
    total: Any = sum(terms.values())
    total.backward()
    touched = f"{where}: the teacher receives a gradient from view; call `teacher.detached()`"
    assert all(x.grad is None for x in (t.logits, *t.hidden)), touched
    assert any(w.grad is not None for w in toy.weights), f"{where}: the student receives no gradient from view"


def check_reversal(where: str, method: Method, s: Signals, t: Signals, batch: Callable[[], Batch]) -> None:
    """A step of the student against its gradient raises some term, which is what an adversary's opponent does.

    Raises:
        AssertionError: no term rises.
    """
    leaves = (s.logits, *s.hidden)
    for name, term in method(s, t, batch()).items():
        found = torch.autograd.grad(term, leaves, allow_unused=True)
        moved = [x if g is None else x - STEP * g / (g.norm() + 1e-30) for x, g in zip(leaves, found, strict=True)]
        if method(Signals(moved[0], tuple(moved[1:])), t, batch())[name] > term:
            return
    raise AssertionError(f"{where}: declares reverses, but the student lowers every term")
