"""The rules of the contract, each tried on one small task.

A rule yields a sentence for everything that breaks it; what a method's own code raises passes through.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from methods import registry, rehearsal
from methods.cases import EPOCH, EPOCHS, rows_of
from methods.contract import Batch, Method, NotApplicableError, Shape, Signals
from methods.spelling import article
from methods.terms import misshapen
from methods.trials import Trial, differences, exactly, in_distribution, twice

Rule = Callable[[Trial], Iterator[str]]


def outline(trial: Trial) -> Iterator[str]:
    """Terms are finite scalars with a gradient, and nothing else draws from global randomness."""
    method, (s, t), before = trial.build(), trial.signals(), rehearsal.global_randomness()
    terms: Any = method(s, t, trial.case.batch())
    if rehearsal.global_randomness() != before:
        yield "a global random state moved; draw from batch.generator"
    yield from misshapen(terms)
    if not isinstance(terms, dict):
        return
    for what, there in (("heads", list(method.parameters())), ("labels_apart", method.labels_apart)):
        if there and not terms:
            yield f"{what} without a term"
    for name, term in terms.items():
        if isinstance(term, Tensor) and term.dim() == 0 and not bool(term.isfinite()):
            yield f"term '{name}' is not a finite scalar: it is {term.item()}"
    tensors = [term for term in terms.values() if isinstance(term, Tensor)]
    if len(tensors) == len(terms) > 0 and not any(term.requires_grad for term in tensors):
        yield "the student receives no gradient: every term is a constant"


def gradients(trial: Trial) -> Iterator[str]:
    """The teacher is untouched, heads move at some epoch, and more steps on the same Batch work."""
    method, (s, t), batch = trial.build(), trial.signals(), trial.case.batch()
    old = {name: parameter.detach().clone() for name, parameter in method.named_parameters()}
    optimizer = torch.optim.SGD(method.parameters(), lr=1e-3) if old else None
    for step, batch.epoch in enumerate((1, EPOCH, EPOCHS)):
        total: Any = sum(method(s, t, batch).values())
        try:
            total.backward()
        except RuntimeError as error:
            if step and "second time" in str(error):
                yield "what batch.memo keeps must rest on the teacher and the edges alone, and carry no gradient"
                break
            raise
        if optimizer:
            optimizer.step()
    if any(x.grad is not None for x in (t.logits, *t.hidden)):
        yield f"the teacher receives a gradient; detach what comes from it: `teacher.detached()` or {rehearsal.HELPERS}"
    reached = [x.grad for x in (s.logits, *s.hidden) if x.grad is not None]
    if not reached:
        yield "the student receives no gradient"
    if not all(bool(g.isfinite().all()) for g in reached):
        yield "a gradient of the student is not finite"
    for name, parameter in method.named_parameters():
        if torch.equal(old[name], parameter):
            yield f"the head '{name}' does not move"


def state(trial: Trial) -> Iterator[str]:
    """A new method with the old one's state goes on as the old one does, as after an interrupted training."""
    method, heir, (_, t) = trial.build(), trial.build(), trial.signals()
    batch, again = trial.case.batch(), trial.case.batch()

    def step(one: Method, on: Batch, seed: int) -> dict[str, float]:
        return rehearsal.step(one, trial.case.signals(trial.student, seed), t, on, seed)

    for seed in (3, 4):  # of a student that moves: a mean over the same values would be the first of them
        step(method, batch, seed)
    try:
        heir.load_state_dict(method.state_dict())
    except RuntimeError as error:
        yield f"a resumed training cannot take its state over (make heads and buffers in __init__ or begin): {error}"
        return
    again.generator.set_state(batch.generator.get_state())
    old, new = step(method, batch, 5), step(heir, again, 5)
    remedy = "register it as a buffer, and keep nothing of the student in batch.memo"
    yield from differences(old, new, f"keeps state that a resumed training would lose ({remedy})")


def repeats(trial: Trial) -> Iterator[str]:
    """The generator's seed decides."""
    s, t = trial.signals()
    first = trial.values(trial.case, s, t)
    if first != trial.values(trial.case, s, t):
        yield "the same seed gives another value"
    declared = registry.load(trial.method_id).samples
    if declared and all(first == trial.values(trial.case, s, t, seed=seed) for seed in range(1, 6)):
        yield f"declares samples = {declared!r}, but no seed of batch.generator changes a term"


def order(trial: Trial) -> Iterator[str]:
    """Rows may stand in any order; where a step draws some, in the mean over draws."""
    if registry.load(trial.method_id).depends_on_order:
        return
    s, t = trial.signals()
    permutation = torch.randperm(trial.case.rows, generator=torch.Generator().manual_seed(3))
    there = trial.case.permuted(permutation)
    moved = rows_of(s, permutation, trial.case), rows_of(t, permutation, trial.case)
    compare = in_distribution if trial.samples else exactly
    yield from compare(trial, there, moved, "depends on the order of nodes (declare depends_on_order)")


def number(trial: Trial) -> Iterator[str]:
    """Every row may come twice; where a hyperparameter bounds what is drawn, without drawing."""
    yield from twice(trial, trial.case.doubled(), "depends on the number of nodes (declare depends_on_rows)")


def surroundings(trial: Trial) -> Iterator[str]:
    """A row that was drawn as a neighbour counts as one alone: with no edge it changes nothing."""
    if trial.case.graph is None and registry.load(trial.method_id).uses_edges:
        message = "counts rows that were drawn as neighbours (heed batch.own, or raise NotApplicableError)"
        with suppress(NotApplicableError):
            yield from twice(trial, trial.case.surrounded(), message)


def edges(trial: Trial) -> Iterator[str]:
    """Edges are read where that is declared, and there may be none among the distilled rows."""
    bare = replace(trial.case, edge_index=trial.case.edge_index[:, :0])
    if not registry.load(trial.method_id).uses_edges:
        yield from exactly(trial, bare, trial.signals(), "reads edges (declare uses_edges)")
        return
    try:
        found = trial.values(bare, *trial.signals())
    except NotApplicableError:
        return
    except Exception as error:  # of code that is not ours
        kind = type(error).__name__
        yield f"no edge between distilled nodes ends in {kind} (bear it, or raise NotApplicableError): {error}"
        return
    if not all(map(math.isfinite, found.values())):
        yield "a term is not finite where no edge joins two distilled nodes (bear it, or raise NotApplicableError)"


def epoch(trial: Trial) -> Iterator[str]:
    """The epoch matters where that is declared."""
    if not registry.load(trial.method_id).uses_epoch:
        s, t = trial.signals()
        first, later = trial.values(trial.case, s, t, epoch=1), trial.values(trial.case, s, t)
        yield from differences(first, later, "changes with the epoch (declare uses_epoch)")


def hidden(trial: Trial) -> Iterator[str]:
    """Hidden states are read where that is declared."""
    cls, out = registry.load(trial.method_id), Shape((), trial.student.out)
    if not cls.uses_hidden and not cls.skip(trial.case, out, out):
        try:
            replace(trial, teacher=out, student=out).terms()
        except Exception as error:  # of code that is not ours
            yield f"reads hidden states (declare uses_hidden): {type(error).__name__}: {error}"


def ids(trial: Trial) -> Iterator[str]:
    """Numbers of rows matter where that is declared."""
    if not registry.load(trial.method_id).uses_ids:
        renumbered = replace(trial.case, row_ids=torch.arange(trial.case.rows).roll(1))
        yield from exactly(trial, renumbered, trial.signals(), "reads ids of rows (declare uses_ids)")


def declared(trial: Trial) -> Iterator[str]:
    """What a class declares beyond its terms it does, and it declares all that it does."""
    try:
        rehearsal.check_declared("", trial.build, trial.case.batch, *trial.signals())
    except AssertionError as problem:
        yield str(problem).removeprefix(": ")


def dead(trial: Trial) -> Iterator[str]:
    """A student of zeros gets finite terms and gradients."""
    s, t = trial.signals()
    zeros = Signals(s.logits, tuple(torch.zeros_like(h, requires_grad=True) for h in s.hidden))
    total: Any = sum(trial.build()(zeros, t, trial.case.batch()).values())
    if total.requires_grad:
        total.backward()
    if any(
        x is not None and not bool(x.isfinite().all()) for x in (total, *(h.grad for h in (s.logits, *zeros.hidden)))
    ):
        yield "a student of zeros breaks it: a term or gradient is not finite"


def refusal(trial: Trial) -> Iterator[str]:
    """Shapes that do not fit are told with the method's name."""
    s, t = trial.signals()
    wrong = Signals(s.logits[:1], tuple(h[:1] for h in s.hidden))
    method, what = trial.build(), "one student row against many of the teacher"
    remedy = f"begin `forward` with {rehearsal.HELPERS}, which check this"
    try:
        with warnings.catch_warnings(action="ignore"):  # of torch, which broadcasts: is told below
            method(wrong, t, trial.case.batch())
    except ValueError as error:
        if trial.method_id not in str(error):
            yield f"the refusal of wrong shapes does not name the method; {remedy}"
    except (RuntimeError, IndexError) as error:
        yield f"{what} must end in a ValueError, not in {article(type(error).__name__)}; {remedy}"
    else:
        yield f"{what} was not refused, and must be by a ValueError; {remedy}"


RULES: tuple[Rule, ...] = (
    *(gradients, state, repeats, order, number, surroundings, edges, epoch, hidden, ids, declared, dead, refusal),
)
"""What is tried where the terms are sound."""
