"""What a method gives for its terms, judged without a look at their values: no device is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from methods.contract import Batch, Signals
from methods.spelling import article

LABELS = "labels"
"""The supervised loss among a training's terms."""


def misshapen(terms: Any, source: str = "forward") -> Iterator[str]:
    """A sentence for everything that is no scalar by a name of its own.

    Args:
        source: the function that gave them.
    """
    if not isinstance(terms, dict):
        yield f"{source} must return a dict of terms by name, not {type(terms).__name__}"
        return
    for name, term in terms.items():
        if name == LABELS:
            yield f"term '{name}' has the name of the supervised loss; give it another"
        if not isinstance(term, Tensor):
            yield f"term '{name}' is not a finite scalar: {article(type(term).__name__)}, where a tensor is needed"
        elif term.dim() > 0:
            yield f"term '{name}' is not a finite scalar: its shape is {list(term.shape)}, so take its mean"


def check(method: nn.Module, terms: Any, source: str = "forward") -> dict[str, Tensor]:
    """The terms. Raises ValueError where something is no scalar by name: the method's id and what is wrong first."""
    for text in misshapen(terms, source):
        name = type(method).__module__.rpartition(".")[2].replace("_", "-")
        raise ValueError(f"{name}: {text}")
    found: dict[str, Tensor] = terms
    return found


def given(method: nn.Module, student: Signals, teacher: Signals, batch: Batch) -> Any:
    """What a method, or a part of a composition, gives for its terms on the rows that it is to see."""
    if batch.around and method.uses_edges:
        student, teacher, batch = batch.around()
    return method(student, teacher, batch)
