"""Checked access to a pair of signals, for every method's first line: nothing broadcasts silently.

Teacher tensors come back detached: a method cannot train the teacher, whatever the caller hands over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import zip_longest

import torch
from torch import Tensor

from methods.contract import Batch, Method, Signals


def _identifier(method: Method) -> str:
    """The id of a method, for messages."""
    return type(method).__module__.rsplit(".", 1)[-1].replace("_", "-")


def one_of(method: Method, name: str, value: object, allowed: Iterable[object]) -> None:
    """Refuses a hyperparameter outside a list.

    Raises:
        ValueError: naming the allowed values.
    """
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"{_identifier(method)}: {name}={value!r}; allowed: {', '.join(map(str, allowed))}")


def at_least(method: Method, lowest: float, *, above: bool = False, **values: float) -> None:
    """Refuses hyperparameters that are no numbers, or below `lowest` (or equal to it, with `above`).

    Raises:
        ValueError: naming the allowed range.
    """
    for name, value in values.items():
        # YAML gives text for 1e-3 and true for yes, and neither NaN nor infinity is a weight.
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not (value > lowest if above else value >= lowest):
            raise ValueError(f"{_identifier(method)}: {name}={value!r}; allowed: {'>' if above else '>='} {lowest}")


def share(method: Method, **values: float) -> None:
    """Refuses hyperparameters that are no numbers from 0 to 1.

    Raises:
        ValueError: naming the allowed range.
    """
    for name, value in values.items():
        at_least(method, 0, **{name: value})  # type: ignore[arg-type]
        if value > 1:
            raise ValueError(f"{_identifier(method)}: {name}={value!r}; allowed: 0 to 1")


def whole(method: Method, **values: int | None) -> None:
    """Refuses hyperparameters that are no whole numbers of at least 1; None stands for the default's own choice.

    Raises:
        ValueError: naming what is allowed.
    """
    for name, value in values.items():
        if value is not None and (type(value) is not int or value < 1):
            raise ValueError(f"{_identifier(method)}: {name}={value!r}; allowed: whole numbers >= 1")


def _refuse(method: Method, student: Tensor, teacher: Tensor, why: str) -> None:
    shapes = f"student {list(student.shape)}, teacher {list(teacher.shape)}"
    raise ValueError(f"{_identifier(method)}: {why}: {shapes}")


def logits_of(method: Method, student: Signals, teacher: Signals) -> tuple[Tensor, Tensor]:
    """Logits of student and teacher, [n, C] each.

    Raises:
        ValueError: naming the method and both shapes, where they are not two matrices of the same shape.
    """
    z_student, z_teacher = student.logits, teacher.logits.detach()
    if z_student.dim() != 2 or z_student.shape != z_teacher.shape:
        _refuse(method, z_student, z_teacher, "logits must be two [n, C] of one shape")
    return z_student, z_teacher


def last_of(method: Method, student: Signals, teacher: Signals, batch: Batch) -> tuple[Tensor, Tensor]:
    """Last hidden outputs of student [n, d_S] and teacher [n, d_T], of the widths that the method was built for.

    Raises:
        ValueError: naming the method and both shapes, where rows or widths do not fit.
    """
    h_student, h_teacher = student.last, teacher.last.detach()
    _check_rows(method, h_student, h_teacher, batch.rows)
    widths = method.student_shape.hidden[-1], method.teacher_shape.hidden[-1]
    if (h_student.shape[1], h_teacher.shape[1]) != widths:
        _refuse(method, h_student, h_teacher, "last hidden layers do not have the widths that the method was built for")
    return h_student, h_teacher


def layers_of(
    method: Method, student: Signals, teacher: Signals, batch: Batch
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Layer-wise views of student ([n, d_j] each) and teacher ([n, d_i] each), the logits last.

    In graph-level tasks every hidden layer is averaged to one row per graph, so that all layers share the logits' rows.
    The teacher's view is computed once per Batch object.

    Raises:
        ValueError: naming the method and both shapes, where rows or widths do not fit.
    """
    teacher = teacher.detached()
    for who, signals, shape in (("student", student, method.student_shape), ("teacher", teacher, method.teacher_shape)):
        if signals.shape != shape:
            raise ValueError(f"{_identifier(method)}: {who} has layers {signals.shape}, the method expects {shape}")
    for h_student, h_teacher in zip_longest(student.hidden, teacher.hidden):
        # Where the shorter network has run out of layers, the other's is checked against itself.
        either = h_teacher if h_student is None else h_student
        _check_rows(method, either, either if h_teacher is None else h_teacher, batch.rows)
    _check_rows(method, student.logits, teacher.logits, len(batch.labels))

    def view(signals: Signals) -> tuple[Tensor, ...]:
        return (*(batch.pool(layer) for layer in signals.hidden), signals.logits)

    return view(student), batch.memo(method, "teacher layers", lambda: view(teacher))


def _check_rows(method: Method, student: Tensor, teacher: Tensor, rows: int) -> None:
    if student.dim() != 2 or teacher.dim() != 2 or not student.shape[0] == teacher.shape[0] == rows:
        _refuse(method, student, teacher, f"both need the {rows} rows of the batch")


def sample(batch: Batch, rows: int, limit: int) -> Tensor | None:
    """Indices [limit] of a random subset of rows, drawn from the batch's generator; None where all rows fit."""
    if rows <= limit:
        return None
    device = batch.generator.device
    return torch.randperm(rows, generator=batch.generator, device=device)[:limit]
