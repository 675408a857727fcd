"""A prepared task holds what its docstring promises: whatever a loader hands over else is refused in one line."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import data
from tests.conftest import make_tiny_task
from tests.workflow import tiny_hetero, tiny_molecules, tiny_targets
from workflow import arrays
from workflow.datasets.parts.csr import csr, expand, symmetric_csr
from workflow.errors import UserError
from workflow.task import Task

TASKS = {
    "tiny": make_tiny_task,
    "tiny-het": tiny_hetero.make_task,
    "tiny-molecules": tiny_molecules.make_task,
    "tiny-binary": partial(tiny_targets.make_task, "binary"),
    "tiny-het-regression": partial(tiny_targets.make_hetero_task, "regression"),
}
CITES = "relation/paper/cites/paper"
BY = "relation/paper/by/author"


def changed(task: Task, **arrays: Any) -> Task:
    """The task with other arrays; None takes one away."""
    found = {name.replace("/", "__"): array for name, array in task.arrays.items()} | arrays
    return replace(task, arrays={name.replace("__", "/"): a for name, a in found.items() if a is not None})


def mask(ids: np.ndarray) -> np.ndarray:
    found = np.zeros(60, bool)
    found[ids] = True
    return found


def with_entry(index: Any, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def apply(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[index] = value
        return array

    return apply


def swapped(sources: np.ndarray) -> np.ndarray:
    return np.r_[sources[1::-1], sources[2:]].astype(sources.dtype)


FAULTS: list[tuple[str, str, Callable[[np.ndarray], Any], str]] = [
    ("tiny", "features", lambda a: a.astype(np.float64), "float32 of shape [60, *], not float64 of shape [60, 5]"),
    ("tiny", "features", lambda a: a.astype(">f4"), "must be float32 of shape [60, *], not >f4"),
    ("tiny", "features", lambda a: a[:-1], "must be float32 of shape [60, *], not float32 of shape [59, 5]"),
    ("tiny", "features", lambda a: a[:, 0], "must be float32 of shape [60, *], not float32 of shape [60]"),
    ("tiny", "features", lambda a: a.tolist(), "must be an array, float32 of shape [60, *], not list"),
    ("tiny", "features", lambda a: a.astype(object), "must be float32 of shape [60, *], not object"),
    ("tiny", "features", with_entry((3, 2), np.inf), "has values that are not finite"),
    ("tiny", "features", lambda a: None, "the array 'features' is missing"),
    ("tiny", "labels", lambda a: a[:, None], "must be int64 of shape [*], not int64 of shape [60, 1]"),
    ("tiny", "labels", lambda a: a.astype(np.int32), "must be int64 of shape [*], not int32"),
    ("tiny", "labels", lambda a: a.astype(np.float32), "must be int64 of shape [*], not float32"),
    ("tiny", "labels", lambda a: a + 1, "labels must lie in 0..2, found 1..3"),
    ("tiny", "labels", lambda a: a - 1, "labels must lie in 0..2, found -1..1"),
    ("tiny", "split/train", mask, "must be int64 of shape [*], not bool of shape [60]"),
    ("tiny", "split/valid", lambda a: a.astype(np.int32), "must be int64 of shape [*], not int32"),
    ("tiny", "split/valid", lambda a: a[:, None], "must be int64 of shape [*], not int64 of shape [15, 1]"),
    ("tiny", "split/valid", lambda a: a[:0], "the valid split is empty"),
    ("tiny", "split/test", lambda a: np.r_[a, a[0]], "split/test: names item 3 twice"),
    ("tiny", "split/test", lambda a: np.r_[a, 60], "split/test: names item 60, but there are 60, numbered from 0"),
    ("tiny", "split/test", lambda a: np.r_[a, -1], "split/test: names item -1, but there are 60, numbered from 0"),
    ("tiny", "split/test", lambda a: None, "the array 'split/test' is missing"),
    ("tiny", "pointers", lambda a: a.astype(np.int64), "must be int32 of shape [61], not int64 of shape [61]"),
    ("tiny", "pointers", lambda a: a[:-1], "must be int32 of shape [61], not int32 of shape [60]"),
    ("tiny", "pointers", with_entry(0, 1), "must begin at 0 and end at"),
    ("tiny", "pointers", lambda a: with_entry(-1, a[-1] + 1)(a), "must begin at 0 and end at"),
    ("tiny", "pointers", with_entry(20, -3), "must never fall, but entry 20 is below the one before it"),
    ("tiny", "pointers", lambda a: with_entry(20, a[-1] + 5)(a), "must never fall, but entry 21"),
    ("tiny", "sources", lambda a: a.astype(np.int64), "must be int32 of shape [*], not int64"),
    ("tiny", "sources", with_entry(3, 60), "an edge names node 60, but there are 60"),
    ("tiny", "sources", with_entry(3, -1), "an edge names node -1, but there are 60"),
    ("tiny", "sources", swapped, "must ascend within a node, no edge twice; those of node 0 do not"),
    ("tiny", "sources", lambda a: with_entry(1, a[0])(a), "must ascend within a node, no edge twice"),
    ("tiny", "weights", lambda a: np.ones(3), "unknown array 'weights'; allowed: features, labels, pointers"),
    ("tiny-het", f"{CITES}/sources", swapped, "must ascend within a node"),
    ("tiny-het", f"{CITES}/sources", None, f"the array '{CITES}/sources' is missing"),
    ("tiny-het", f"{BY}/sources", with_entry(0, 60), "an edge names node 60, but there are 60"),
    ("tiny-het", f"{BY}/pointers", lambda a: a[:-1], "must be int32 of shape [26], not int32 of shape [25]"),
    ("tiny-het", "features/paper", lambda a: a.astype(np.float16), "must be float32 of shape [60, *], not float16"),
    ("tiny-het", "labels", lambda a: a[:-1], "59 rows, but counts.paper is 60"),
    ("tiny-molecules", "features", lambda a: a.astype(np.float32), "must be int64 of shape [*, 3], not float32"),
    ("tiny-molecules", "features", with_entry((0, 1), 4), "categories must lie in 0 to below 6, 4, 2"),
    ("tiny-molecules", "features", with_entry((0, 1), -1), "categories must lie in 0 to below 6, 4, 2"),
    ("tiny-molecules", "edge_features", lambda a: a[:-1], "must begin at 0 and end at"),
    ("tiny-molecules", "edge_index", lambda a: a.T, "must be int64 of shape [2, "),
    ("tiny-molecules", "edge_index", with_entry((0, 0), 200), "an edge names node 200, but its graph has the nodes"),
    (
        "tiny-molecules",
        "edge_index",
        with_entry((0, 0), -1),
        "an edge names node -1, but its graph has the nodes from 0 to below",
    ),
    ("tiny-molecules", "node_pointers", lambda a: a.astype(np.int32), "must be int64 of shape [41], not int32"),
    ("tiny-molecules", "node_pointers", with_entry(3, 0), "must never fall, but entry 3"),
    ("tiny-molecules", "labels", lambda a: a.astype(np.float64), "must be float32 of shape [*, 2], not float64"),
    ("tiny-molecules", "labels", lambda a: a[:, 0], "must be float32 of shape [*, 2], not float32 of shape [40]"),
    ("tiny-molecules", "labels", lambda a: a * 2, "labels must be 0, 1, or NaN where unmeasured"),
    ("tiny-molecules", "labels", lambda a: np.where(a == 1, np.inf, a), "labels must be finite, or NaN"),
    ("tiny-binary", "labels", lambda a: a[:, 0], "must be float32 of shape [*, 3], not float32 of shape [60]"),
    ("tiny-binary", "labels", lambda a: a == 1, "must be float32 of shape [*, 3], not bool of shape [60, 3]"),
    ("tiny-binary", "labels", lambda a: a - 1, "labels must be 0, 1, or NaN where unmeasured"),
    (
        "tiny-binary",
        "labels",
        lambda a: a * 0,
        "target 0 has 0 positive and 21 negative labels, and no other target has both",
    ),
    ("tiny-het-regression", "labels", lambda a: a[:-1], "59 rows, but counts.paper is 60"),
    ("tiny-het-regression", "labels", lambda a: a * [np.nan, 1, 1], "must be float32 of shape [*, 3], not float64"),
]


def refusal(task: Task) -> str:
    with pytest.raises(UserError) as caught:
        task.finish()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("name", "array", "damage", "message"), FAULTS)
def test_an_array_that_is_not_as_promised_is_refused(name: str, array: str, damage: Any, message: str) -> None:
    task = TASKS[name]()
    value = damage(task.arrays.get(array)) if damage else None
    found = refusal(changed(task, **{array.replace("/", "__"): value}))
    assert found.startswith(f"{name}: ") and message in found
    assert array in found or array.startswith("split/")


@pytest.mark.parametrize("most", [3, 2**31 - 1])
def test_pointers_are_wide_where_they_must_be_and_nowhere_else(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_tiny_task()
    wide = changed(task, pointers=task.arrays["pointers"].astype(np.int64))
    monkeypatch.setattr(arrays, "MOST_EDGES", most)
    good, bad = (wide, task) if most == 3 else (task, wide)
    assert good.finish().arrays["pointers"] is good.arrays["pointers"]
    assert "tiny: pointers: must be int" in refusal(bad)


def directed(nodes: int = 60, **arrays: Any) -> Task:
    """The tiny task with directed edges and, unless said otherwise, their transpose."""
    task = make_tiny_task()
    source, target = np.random.default_rng(1).integers(0, nodes, (2, 200))
    source, target = source[source != target], target[source != target]
    forth, back = csr(source, target, nodes, nodes), csr(target, source, nodes, nodes)
    names = ("pointers", "sources", "transpose__pointers", "transpose__sources")
    parts = dict(zip(names, (*forth, *back), strict=True))
    return replace(changed(task, **{**parts, **arrays}), info={"symmetric": False})


def test_a_directed_graph_needs_its_transpose() -> None:
    assert directed().finish().num_edges > 100
    assert refusal(directed(transpose__sources=None)) == "tiny: the array 'transpose/sources' is missing"
    forward = {f"transpose__{part}": directed().arrays[part] for part in ("pointers", "sources")}
    assert "transpose/sources: the edge" in refusal(changed(directed(), **forward))
    assert "is in one direction only; `symmetric` promises" in refusal(
        replace(changed(directed(), transpose__pointers=None, transpose__sources=None), info={"symmetric": True})
    )


def test_the_one_edge_without_its_reverse_is_named() -> None:
    task = make_tiny_task()
    pointers, sources = task.arrays["pointers"], task.arrays["sources"]
    first, end = int(sources[0]), int(expand(pointers)[0])
    fewer = np.r_[0, pointers[1:] - 1].astype(np.int32)
    message = refusal(changed(task, pointers=fewer, sources=sources[1:]))
    assert f"the edge {end} -> {first} is in one direction only" in message


def test_a_symmetric_graph_may_state_its_transpose() -> None:
    task = make_tiny_task()
    same = {f"transpose__{part}": task.arrays[part] for part in ("pointers", "sources")}
    assert changed(task, **same).finish().num_edges == task.num_edges


@pytest.mark.parametrize("loop", [0, 59])
def test_a_self_loop_is_refused(loop: int) -> None:
    source, target = np.array([0, 1, 5, 59, loop]), np.array([1, 0, 59, 5, loop])
    pointers, sources = csr(source, target, 60, 60)
    message = refusal(changed(make_tiny_task(), pointers=pointers, sources=sources))
    assert f"node {loop} is its own source; self-loops are left out" in message


def test_a_graph_without_edges_is_none_to_refuse() -> None:
    nothing = np.array([], np.int64)
    pointers, sources = symmetric_csr(nothing, nothing, 60)
    assert changed(make_tiny_task(), pointers=pointers, sources=sources).finish().num_edges == 0


def test_graphs_without_any_edge_have_a_fingerprint_and_others_keep_theirs() -> None:
    task = tiny_molecules.make_task()
    none = {"edge_index": np.zeros((2, 0), np.int64), "edge_features": task.arrays["edge_features"][:0]}
    bare = changed(task, edge_pointers=0 * task.arrays["edge_pointers"], **none)
    for one in (bare, *(make() for make in TASKS.values())):
        digest = hashlib.sha256(json.dumps(one._header(), sort_keys=True).encode())
        for name, array in sorted(one.arrays.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
        assert one.finish().fingerprint == digest.hexdigest()


@pytest.mark.parametrize(("name", "array", "damage", "message"), [fault for fault in FAULTS if fault[1] == "sources"])
def test_edges_are_checked_block_by_block(
    name: str, array: str, damage: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "CHECKED", 30)
    test_an_array_that_is_not_as_promised_is_refused(name, array, damage, message)


@pytest.mark.parametrize("most", [1, 30])
def test_a_transpose_is_checked_block_by_block(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "CHECKED", 40)
    monkeypatch.setattr(arrays, "TURNED", most)
    test_a_directed_graph_needs_its_transpose()
    test_the_one_edge_without_its_reverse_is_named()
    test_a_self_loop_is_refused(59)
    test_a_graph_without_edges_is_none_to_refuse()


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_part_of_one_class_is_refused(part: str) -> None:
    task = make_tiny_task()
    assert refusal(changed(task, labels=with_entry(task.split(part), 2)(task.labels))) == (
        f"tiny: split/{part}: every label is class 2, of which accuracy tells nothing"
    )


@pytest.mark.parametrize("metric", ["rocauc", "ap"])
@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_part_without_both_classes_of_any_target_is_refused(part: str, metric: str) -> None:
    task = replace(tiny_molecules.make_task(), metric=metric)
    ids = task.split(part)
    one = with_entry((ids, 0), 1.0)(task.labels)
    assert np.isfinite(changed(task, labels=one).finish().labels).any()  # the other target has both, as OGB admits
    one[ids, 1] = np.nan
    assert refusal(changed(task, labels=one)) == (
        f"tiny-molecules: split/{part}: target 0 has {len(ids)} positive and 0 negative labels, "
        f"and no other target has both; {metric} needs both classes"
    )


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_target_of_a_regression_that_is_measured_nowhere_is_refused(part: str) -> None:
    task = tiny_molecules.make_task("regression")
    nowhere = with_entry((task.split(part), 1), np.nan)(task.labels)
    message = f"tiny-molecules: split/{part}: target 1 is measured nowhere, so that rmse has no score"
    assert refusal(changed(task, labels=nowhere)) == message


@pytest.mark.parametrize(("objective", "metric"), [("binary", "accuracy"), ("binary", "rmse"), ("regression", "ap")])
def test_a_metric_of_other_labels_is_refused(objective: str, metric: str) -> None:
    task = replace(tiny_molecules.make_task(objective), metric=metric)
    assert f"tiny-molecules: the metric '{metric}' scores " in refusal(task)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("tiny", {"symmetric": None}, "info: 'symmetric' is missing; a node task needs symmetric"),
        ("tiny-het", {"counts": {"paper": 60}}, "must be SOURCE/NAME/TARGET of paper"),
        ("tiny-het", {"relations": ["paper/cites"]}, "unknown array 'relation/author/rev_by/paper/pointers'"),
        ("tiny-het", {"features": {}}, "unknown array 'features/paper'"),
        ("tiny-molecules", {"vocabulary": [6, 4]}, "features: must be int64 of shape [*, 2]"),
    ],
)
def test_facts_that_disagree_with_the_arrays_are_refused(name: str, change: Mapping[str, Any], message: str) -> None:
    task = TASKS[name]()
    info = {key: value for key, value in {**task.info, **change}.items() if value is not None}
    found = refusal(replace(task, info=info))
    if name == "tiny-het" and "relations" in change:
        message = "the array 'relation/paper/cites/pointers' is missing"
    assert message in found


def test_a_graph_of_the_size_of_ogbn_arxiv_is_checked_in_a_second() -> None:
    task = data.arxiv_sized(169_343)
    started = time.process_time()
    task.finish()
    assert time.process_time() - started < 3  # of which the sha256 takes a part; a second on an idle machine
