"""What the arrays of a task must be: each check takes a few passes in compiled code. Imports no torch.

Every function raises UserError: one line that begins with `where` (dataset and array) and says what belongs there. A
loader hands over exactly what `workflow.task` promises; nothing is converted here, not even without loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from methods.vocabulary import Objective
from workflow.errors import UserError

Csr = tuple[np.ndarray, np.ndarray]
"""Pointers and sources."""

MOST_EDGES = 2**31 - 1
"""That 32-bit pointers count."""
CHECKED, TURNED = 2**24, 2**27
"""Edges that are checked at once, and that are transposed at once, but for a single node that has more."""


def pointer_type(edges: int) -> type[np.signedinteger[Any]]:
    """Of pointers into so many edges: int64 where int32 does not suffice, and nowhere else."""
    return np.int32 if edges <= MOST_EDGES else np.int64


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


def beyond(numbers: np.ndarray, count: int) -> int | None:
    """A number that none of `count` items has, where there is one."""
    ends = (int(numbers.min()), int(numbers.max())) if numbers.size else ()
    return next((number for number in ends if not 0 <= number < count), None)


def splits(parts: Mapping[str, np.ndarray], where: str, items: int) -> None:
    """Checks the ids of every part of the split: there are some, of items that exist, and none of them twice."""
    for part, ids in parts.items():
        form(ids, f"{where}: split/{part}", np.int64, None)
        if not len(ids):
            raise UserError(f"{where}: the {part} split is empty")
        if (wrong := beyond(ids, items)) is not None:
            raise UserError(f"{where}: split/{part}: names item {wrong}, but there are {items}, numbered from 0")
        found, times = np.unique(ids, return_counts=True)
        if len(found) < len(ids):
            raise UserError(f"{where}: split/{part}: names item {found[np.argmax(times > 1)]} twice")
    for (one, ids), (other, others) in combinations(parts.items(), 2):
        if len(both := np.intersect1d(ids, others, assume_unique=True)):
            raise UserError(f"{where}: the splits overlap: {one} and {other} have item {both[0]}")


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
    form(others, f"{where}sources", np.int32, None)
    form(begins, f"{where}pointers", pointer_type(len(others)), targets + 1)
    pointers(begins, f"{where}pointers", len(others), "sources")
    for first, end in _blocks(begins, CHECKED):
        part = others[begins[first] : begins[end]]
        if (wrong := beyond(part, sources)) is not None:
            raise UserError(f"{where}sources: an edge names node {wrong}, but there are {sources}, numbered from 0")
        own = begins[first : end + 1] - begins[first]
        rises = np.empty(len(part), bool)
        np.greater(part[1:], part[:-1], out=rises[1:])
        rises[own[:-1][own[:-1] < len(part)]] = True  # the first source of a node follows nothing
        if not rises.all():
            node = first + _target(own, int(np.argmin(rises)))
            raise UserError(f"{where}sources: must ascend within a node, no edge twice; those of node {node} do not")
        if not loops and (same := np.repeat(np.arange(first, end, dtype=np.int32), np.diff(own)) == part).any():
            raise UserError(f"{where}sources: node {part[np.argmax(same)]} is its own source; self-loops are left out")


def _target(begins: np.ndarray, edge: int) -> int:
    return int(np.searchsorted(begins, edge, side="right")) - 1


def _blocks(begins: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """First target and end of blocks of up to `most` edges, and at least one, that hold all edges together."""
    first = 0
    while begins[first] < begins[-1]:
        end = int(np.searchsorted(begins, int(begins[first]) + most, side="right")) - 1
        if begins[end] == begins[first]:  # a node of more
            end = int(np.searchsorted(begins, begins[first], side="right"))
        yield first, end
        first = end


def transpose(forward: Csr, backward: Csr, where: str, remedy: str) -> None:
    """Checks that one square adjacency is the transpose of another; both have passed `adjacency`.

    Args:
        where: dataset and array that is at fault where it is not.
        remedy: what belongs there.
    """
    nodes = len(forward[0]) - 1
    for first, end in list(_blocks(backward[0], TURNED)) or [(0, nodes)]:
        turned = _turned(forward, first, end)
        begins = backward[0][first : end + 1]
        found = begins - begins[0], backward[1][begins[0] : begins[-1]]
        if not all(np.array_equal(mine, there) for mine, there in zip(turned, found, strict=True)):
            mine, there = _keys(*turned, nodes), _keys(*found, nodes)
            wrong = int([*np.setdiff1d(mine, there)[:1], *np.setdiff1d(there, mine)[:1]][0])
            source, target = first + wrong // nodes, wrong % nodes
            raise UserError(f"{where}: the edge {source} -> {target} is in one direction only; {remedy}")


def _turned(adjacency: Csr, first: int, end: int) -> Csr:
    """Rows from `first` to below `end` of the transpose: the targets, ascending, of the edges from these nodes."""
    from scipy.sparse import csr_matrix

    begins, others = adjacency
    kept, counts = [], np.zeros(len(begins), np.int64)
    for start, stop in _blocks(begins, CHECKED):
        part = others[begins[start] : begins[stop]]
        inside = np.flatnonzero((part >= first) & (part < end))
        kept.append(part[inside] - first)
        counts[start + 1 : stop + 1] = np.diff(np.searchsorted(inside, begins[start : stop + 1] - begins[start]))
    sources = np.concatenate([np.empty(0, np.int32), *kept])
    shape = (len(begins) - 1, end - first)
    # The compressed columns of a matrix are the compressed rows of its transpose, and come out ascending.
    turned = csr_matrix((np.ones(len(sources), np.int8), sources, np.cumsum(counts)), shape=shape).tocsc()
    return turned.indptr, turned.indices


def _keys(begins: np.ndarray, others: np.ndarray, nodes: int) -> np.ndarray:
    """One number for each edge."""
    found: np.ndarray = np.repeat(np.arange(len(begins) - 1), np.diff(begins)) * nodes + others
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
