"""Labels of your own -> classes, binary targets or numbers, of nodes and of graphs. A part of `workflow.importing`."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.vocabulary import Objective
from workflow import given
from workflow.given import Teller

SHOWN = 10
"""Classes or targets that a line names."""
FARTHEST = 2.0**53
"""Larger classes are taken to be this one, which 64 bits hold exactly, as a float too: either leaves a gap."""


def read(labels: Any, objective: Objective | None, into: Teller, *, floats: bool) -> tuple[np.ndarray, Objective]:
    """Labels as a task holds them.

    Args:
        labels: [n] or [n, targets]. Unknown are negative classes; elsewhere NaN.
        objective: None for what they look like: one column of whole numbers is classes; 0, 1 and NaN are binary; others
            are a regression, but for -1 among 0 and 1, which may be a missing answer, or a number.
        floats: whether whole numbers of a floating type may be classes.

    Raises:
        UserError: they are not of that objective, or look like two.
    """
    found = given.array(labels, "labels", into)
    if found.ndim not in (1, 2) or 0 in found.shape:
        raise into.refuse(f"labels must be [n] classes, or [n, targets], not of shape {list(found.shape)}")
    if objective is None:
        objective = _looks(found, into, floats)
    if objective == Objective.MULTICLASS:
        return _classes(found, into), objective
    return _targets(found, objective, into), objective


def outputs(labels: np.ndarray) -> int:
    """Number of classes, or of targets."""
    return int(labels.max()) + 1 if labels.ndim == 1 else labels.shape[1]


def lacks(labels: np.ndarray, objective: Objective, outputs: int) -> str:
    """What the labels of a part of the split lack, "" for nothing; `workflow.arrays.labels` refuses what is too few."""
    if objective == Objective.MULTICLASS and len(absent := np.setdiff1d(np.arange(outputs), labels)):
        return f"has no item of class {_some(absent)}"
    if objective == Objective.BINARY and len(single := np.flatnonzero(~((labels == 1).any(0) & (labels == 0).any(0)))):
        return f"has one class alone of target {_some(single)}, which its score leaves out"
    return ""


def _some(numbers: np.ndarray) -> str:
    return ", ".join(map(str, numbers[:SHOWN].tolist()))


def _looks(found: np.ndarray, into: Teller, floats: bool) -> Objective:
    single = found.ndim == 1 or found.shape[1] == 1
    if found.dtype.kind not in "fiub":
        return Objective.MULTICLASS if single else Objective.REGRESSION  # either refuses it
    known = found[~np.isnan(found)]
    if single and (found.dtype.kind in "iu" or (floats and bool((known == np.floor(known)).all()))):
        return Objective.MULTICLASS
    if not np.isin(known, (0, 1)).all():
        if np.isin(known, (-1, 0, 1)).all():
            raise into.refuse(
                "labels: -1 may be a missing answer, a no, or a number: write 0, 1, and NaN where unmeasured; "
                "--objective regression takes them as numbers"
            )
        return Objective.REGRESSION
    rows = found.reshape(len(found), -1)
    rows = rows[~np.isnan(rows).all(1)]
    if not single and len(rows) and (np.nansum(rows, 1) == 1).all():
        raise into.refuse(
            "labels: every row has a single 1: classes would be [n] whole numbers; --objective binary takes them as "
            f"{found.shape[1]} targets"
        )
    return Objective.BINARY


def _targets(found: np.ndarray, objective: Objective, into: Teller) -> np.ndarray:
    """[n, targets] float32, NaN where unmeasured."""
    if found.dtype.kind not in "fiub":
        raise into.refuse(f"labels must be numbers, not {given.kind(found)}")
    found = found[:, None] if found.ndim == 1 else found
    known = found[~np.isnan(found)]
    if objective == Objective.BINARY and len(others := known[~np.isin(known, (0, 1))]):
        raise into.refuse(f"labels: {others[0]:g} is neither 0 nor 1, nor NaN (unmeasured)")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(found, np.float32)
    if np.isinf(values).any():
        raise into.refuse("labels must be finite in float32, or NaN where unmeasured")
    if objective == Objective.REGRESSION and values.dtype != found.dtype:
        into.tell(f"labels of type {found.dtype} became float32")
    return values


def _classes(found: np.ndarray, into: Teller) -> np.ndarray:
    """[n] int64, -1 where unknown."""
    if found.ndim == 2 and found.shape[1] == 1:
        into.tell("labels [n, 1] were taken as [n]")
        found = found[:, 0]
    if found.ndim != 1:
        raise into.refuse(f"labels must be [n] classes, not of shape {list(found.shape)}")
    if found.dtype.kind == "f":
        missing = np.isnan(found)
        known = found[~missing].astype(np.float64)
        if not (np.isfinite(known) & (known == np.floor(known))).all():
            raise into.refuse("labels must be whole numbers, the classes")
        into.tell(f"labels of type {found.dtype} were taken as whole numbers, NaN as unknown")
        found = np.where(missing, -1, found)
    elif found.dtype.kind not in "iu":
        raise into.refuse(f"labels must be whole numbers, not {given.kind(found)}")
    found = np.where(found < 0, -1, np.minimum(found, FARTHEST, dtype=np.float64)).astype(np.int64)
    present = np.unique(found[found >= 0])
    if len(present) < 2:
        unknown = int((found < 0).sum())
        why = f"; {unknown} labels are negative or NaN, which means unknown" if unknown else ""
        raise into.refuse(f"labels: there must be at least two classes{why}")
    if len(present) != present[-1] + 1:
        gap = int(np.flatnonzero(present != np.arange(len(present)))[0])
        raise into.refuse(f"labels: no item has class {gap}; classes must be 0 to C - 1 without a gap")
    return found
