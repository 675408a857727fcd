"""The test-kit of the contract: batches and signals by hand, and the checks that every method must pass.

from methods.testing import check_contract, make_batch
check_contract("gcrd")                                     # AssertionError says what is broken
batch = make_batch(labels=[0, 1, 1], edge_index=[[0, 1], [1, 2]])
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from methods import registry, spaces
from methods.cases import cases, make_batch, make_signals
from methods.contract import Method, Shape
from methods.description import check_class, check_description
from methods.listing import ANY_ERROR, shown, told
from methods.rules import RULES, Rule, outline
from methods.trials import Trial
from methods.vocabulary import Kind

__all__ = ["check_contract", "faults", "make_batch", "make_signals"]

TEACHER, STUDENT = Shape((6, 7), 5), Shape((4, 3), 5)
BROADCASTS = "Using a target size"
"""How torch begins its warning of a loss between tensors of two shapes."""
ROWS_OF_GRAPHS = (
    "logits have one row per graph there, hidden states one per node: use `batch.pool`, or leave them out of `kinds`"
)


def check_contract(method_id: str, **hyperparameters: Any) -> None:
    """Runs every check of the contract on one method, on node- and graph-level tasks.

    Terms are finite scalars that never reach the teacher; every head moves; the order of nodes does not matter (unless
    `depends_on_order`), nor their number (unless `depends_on_rows`), nor edges (unless `uses_edges`), nor the epoch
    (unless `uses_epoch`), nor hidden states (unless `uses_hidden`), nor ids of rows (unless `uses_ids`); what the class
    declares it does; the same generator seed gives the same value and no other random state is touched; past steps
    live on in parameters and buffers alone; one Batch serves many steps; dead students get finite gradients; wrong
    shapes are refused; the class is described and cited, and its `skip` answers; its search space names
    hyperparameters, holds their defaults, and all of it can be built. Where a step draws nodes or edges (`samples`, or
    fewer `max_samples` than rows), order does not matter to the mean over draws, and the number is changed without.

    Raises:
        AssertionError: all that it breaks, one line each, which begins with the method's id or its file.
    """
    found = faults(method_id, **hyperparameters)
    assert not found, "\n".join(found)


def faults(method_id: str, **hyperparameters: Any) -> list[str]:
    """What a method breaks of the contract, one line each; the lines of a rule name the tasks on which it is broken.

    Raises:
        ValueError: the id is not known, or its file cannot be loaded.
    """
    cls = registry.load(method_id)
    found = [f"{method_id}: {text}" for text in check_description(cls)]
    if unusable := [f"{method_id}: {text}" for text in check_class(cls, TEACHER, STUDENT)]:
        return found + unusable  # what cannot be built or called cannot be tried
    found += [f"{method_id}: {text}" for text in _of_class(method_id, cls)]
    on: dict[str, list[str]] = {}
    tried: dict[tuple[bool, str], list[str]] = {}
    for case in cases(STUDENT.out):
        if (reason := cls.skip(case, TEACHER, STUDENT)) is not None:
            texts = [] if isinstance(reason, str) and reason else [f"{method_id}: skip must give a reason or None"]
        else:
            meets = case.graph is None, case.objective  # of nodes, a method sees the same whatever the graph's kind
            if meets not in tried:
                tried[meets] = list(_of_case(Trial(method_id, case, TEACHER, STUDENT, hyperparameters)))
            texts = tried[meets]
        for text in texts:
            on.setdefault(text, []).append(f"{case.kind}/{case.objective}")
    return found + [f"{text}{_hint(text, names)} [{', '.join(names)}]" for text, names in on.items()]


def _hint(text: str, names: list[str]) -> str:
    """What a method of nodes meets first where it is tried on whole graphs."""
    graphs = all(name.startswith(Kind.GRAPH) for name in names)
    return f" ({ROWS_OF_GRAPHS})" if graphs and "RuntimeError: " in text else ""


def _of_class(method_id: str, cls: type[Method]) -> Iterator[str]:
    """What is wrong of the search space and of `skip`."""
    try:
        spaces.check(
            method_id,
            registry.searched(cls),
            registry.settable(cls),
            lambda value: registry.create(method_id, teacher=TEACHER, student=STUDENT, **value),
        )
    except AssertionError as error:
        yield str(error).removeprefix(f"{method_id}: ")
    except ANY_ERROR as error:
        yield f"search_space: {told(error, registry.file(method_id))}"
    bare = Shape((), STUDENT.out)
    if cls.uses_hidden and not cls.skip(next(cases(STUDENT.out)), bare, bare):
        yield "uses_hidden, but skip accepts networks without a hidden layer"


def _of_case(trial: Trial) -> Iterator[str]:
    """What is broken on one task. Of a method whose terms cannot be used, nothing else is asked."""
    broken = _told(trial, outline)
    yield from broken
    if not broken and trial.terms():
        for rule in RULES:
            yield from _told(trial, rule)


def _told(trial: Trial, rule: Rule) -> list[str]:
    """What a rule finds; where the method's code raises, that alone."""
    path = registry.file(trial.method_id)
    with warnings.catch_warnings(record=True, action="always") as seen:
        try:
            found = [f"{trial.method_id}: {' '.join(text.split())}" for text in rule(trial)]
        except ANY_ERROR as error:
            return [told(error, path)]
    widths = [(w.lineno, text) for w in seen if (text := str(w.message)).startswith(BROADCASTS)]
    return found + [f"{shown(path)}:{line}: {text}" for line, text in widths[:1]]
