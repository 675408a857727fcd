"""What the arrays of a task must be: each check takes a few passes in compiled code. Imports no torch.

Every function raises UserError: one line that begins with `where` (dataset and array) and says what belongs there. A
loader hands over exactly what `workflow.task` promises; nothing is converted here, not even without loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.vocabulary import Objective
from workflow.errors import UserError

Csr = tuple[np.ndarray, np.ndarray]
"""Pointers and sources."""


def form(array: Any, where: str, dtype: type[np.generic], *shape: int | None) -> None:
    """Checks type and shape; None stands for any length."""
    wanted = f"{np.dtype(dtype)} of shape [{', '.join('*' if size is None else str(size) for size in shape)}]"
    if not isinstance(array, np.ndarray):
        raise UserError(f"{where}: must be an array, {wanted}, not {type(array).__name__}")
    fits = array.ndim == len(shape) and all(s is None or s == n for s, n in zip(shape, array.shape, strict=True))
    if array.dtype != dtype or not fits:
        raise UserError(f"{where}: must be {wanted}, not {array.dtype} of shape {list(array.shape)}")


def finite(array: np.ndarray, where: str) -> None:
    """Checks that there is no NaN and no infinity."""
    if not np.isfinite(array).all():
        raise UserError(f"{where} has values that are not finite")


def within(array: np.ndarray, where: str, bounds: Any) -> None:
    """Checks that whole numbers [n, k] lie in 0 … bounds[k] - 1, column by column."""
    if len(array) and (array.min() < 0 or (array.max(axis=0) >= bounds).any()):
        raise UserError(f"{where}: categories must lie in 0 to below {', '.join(map(str, bounds))}, column by column")


def pointers(array: np.ndarray, where: str, last: int, of: str) -> None:
    """Checks that pointers begin at 0, never fall, and end at `last`, the number of what they point into."""
    if array[0] != 0 or array[-1] != last:
        raise UserError(f"{where}: must begin at 0 and end at {last}, the number of {of}, not {array[0]}..{array[-1]}")
    falls = np.flatnonzero(array[1:] < array[:-1])
    if len(falls):
        raise UserError(f"{where}: must never fall, but entry {falls[0] + 1} is below the one before it")


def adjacency(found: Csr, where: str, targets: int, sources: int, *, loops: bool) -> None:
    """Checks a CSR adjacency by target, with the sources ascending and no edge twice.

    Args:
        where: dataset and the common part of the arrays' names.
        targets, sources: numbers of nodes at the two ends.
        loops: whether a node may be its own source; never where the two ends are of one type.
    """
    begins, others = found
    form(begins, f"{where}pointers", np.int32, targets + 1)
    form(others, f"{where}sources", np.int32, None)
    pointers(begins, f"{where}pointers", len(others), "sources")
    if not len(others):
        return
    if others.min() < 0 or others.max() >= sources:
        wrong = others.min() if others.min() < 0 else others.max()
        raise UserError(f"{where}sources: an edge names node {wrong}, but there are {sources}")
    rises = np.empty(len(others), bool)
    np.greater(others[1:], others[:-1], out=rises[1:])
    rises[begins[:-1][begins[:-1] < len(others)]] = True  # the first source of a node follows nothing
    if not rises.all():
        node = _target(begins, int(np.argmin(rises)))
        raise UserError(f"{where}sources: must ascend within a node, no edge twice; those of node {node} do not")
    if not loops:
        own = np.repeat(np.arange(targets, dtype=np.int32), np.diff(begins)) == others
        if own.any():
            raise UserError(f"{where}sources: node {others[np.argmax(own)]} is its own source; self-loops are left out")


def _target(begins: np.ndarray, edge: int) -> int:
    return int(np.searchsorted(begins, edge, side="right")) - 1


def transpose(forward: Csr, backward: Csr, where: str, remedy: str) -> None:
    """Checks that one square adjacency is the transpose of another; both have passed `adjacency`.

    Args:
        where: dataset and array that is at fault where it is not.
        remedy: what belongs there.
    """
    from scipy.sparse import csr_matrix

    nodes = len(forward[0]) - 1
    ones = np.ones(len(forward[1]), np.int8)
    # The compressed columns of a matrix are the compressed rows of its transpose, and come out ascending.
    turned = csr_matrix((ones, forward[1], forward[0]), shape=(nodes, nodes)).tocsc()
    if np.array_equal(turned.indptr, backward[0]) and np.array_equal(turned.indices, backward[1]):
        return
    expected, found = _keys(turned.indptr, turned.indices), _keys(*backward)
    source, target = divmod(int([*np.setdiff1d(expected, found)[:1], *np.setdiff1d(found, expected)[:1]][0]), nodes)
    raise UserError(f"{where}: the edge {source} -> {target} is in one direction only; {remedy}")


def _keys(begins: np.ndarray, others: np.ndarray) -> np.ndarray:
    """One number for each edge."""
    nodes = len(begins) - 1
    found: np.ndarray = np.repeat(np.arange(nodes), np.diff(begins)) * nodes + others
    return found


def labels(found: np.ndarray, where: str, objective: Objective, outputs: int, metric: str) -> None:
    """Checks the labels of one part of the items: their values, and that the metric can make a score of them.

    OGB's evaluator leaves out a binary target that has one class only in a part, and fails where all are so: several
    of its own molecule sets have such targets, so that only the latter is refused. RMSE leaves out none: of a target
    that is measured nowhere it is NaN. Accuracy on one class would be 100 % for whoever names it.
    """
    if objective == Objective.MULTICLASS:
        if found.min() < 0 or found.max() >= outputs:
            raise UserError(f"{where}: labels must lie in 0..{outputs - 1}, found {found.min()}..{found.max()}")
        if found.min() == found.max():
            raise UserError(f"{where}: every label is class {found[0]}, of which {metric} tells nothing")
        return
    if np.isinf(found).any():
        raise UserError(f"{where}: labels must be finite, or NaN where unmeasured")
    measured = (~np.isnan(found)).sum(0)
    if objective == Objective.REGRESSION:
        if not measured.all():
            raise UserError(f"{where}: target {np.argmin(measured)} is measured nowhere, so that {metric} has no score")
        return
    hits, misses = (found == 1).sum(0), (found == 0).sum(0)
    if (hits + misses < measured).any():
        raise UserError(f"{where}: labels must be 0, 1, or NaN where unmeasured")
    if not ((hits > 0) & (misses > 0)).any():
        target = int(np.argmax(measured))
        counts = f"target {target} has {hits[target]} positive and {misses[target]} negative labels"
        others = "" if outputs == 1 else ", and no other target has both"
        raise UserError(f"{where}: {counts}{others}; {metric} needs both classes")
