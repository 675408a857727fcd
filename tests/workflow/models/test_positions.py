"""Position encodings: against DeepWalk's matrix made densely, held-out nodes, and what is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from methods.vocabulary import Kind
from tests.conftest import TINY, make_tiny_task
from tests.workflow.samples import GOOD, ROOT, change, plan_of
from workflow.datasets.parts.csr import symmetric_csr
from workflow.errors import UserError
from workflow.models import positions, sizes
from workflow.task import Task
from workflow.variants import Variant

MLP = {"model": "mlp", "layers": 2, "width": 4}


def dense(task: Task) -> np.ndarray:
    nodes = len(task.labels)
    found = np.zeros((nodes, nodes))
    pointers, sources = task.arrays["pointers"], task.arrays["sources"]
    for i in range(nodes):
        found[i, sources[pointers[i] : pointers[i + 1]]] = 1
    return found


def of_edges(nodes: int, pairs: np.ndarray) -> Task:
    pointers, sources = symmetric_csr(*pairs, nodes)
    features = np.ones((nodes, 4), np.float32)
    arrays = {"features": features, "labels": np.zeros(nodes, int), "pointers": pointers, "sources": sources}
    return Task("x", Kind.NODE, "multiclass", "accuracy", 2, arrays, {"symmetric": True})


def deepwalk(adjacency: np.ndarray) -> np.ndarray:
    """The mean of T powers of the walk, over the degrees of where it ends, less what it is in the limit."""
    degrees = adjacency.sum(1)
    walk, total = adjacency / degrees[:, None], np.zeros_like(adjacency)
    for step in range(1, 11):
        total += np.linalg.matrix_power(walk, step) / 10
    return total / degrees[None] - 1 / degrees.sum()


@pytest.mark.parametrize(("columns", "small"), [(2, 0), (7, 0), (7, 256), (90, 0)])
def test_encodings_are_the_leading_part_of_deepwalks_matrix(columns: int, small: int, monkeypatch) -> None:
    monkeypatch.setattr(positions, "SMALL", small)
    random = np.random.default_rng(2)
    task = of_edges(80, np.concatenate([[range(79), range(1, 80)], random.integers(0, 80, (2, 150))], 1))
    found = positions.encodings(task, columns).astype(float)
    root = np.sqrt(dense(task).sum(1))
    # Eigenvectors of D^1/2 M D^1/2, of which no product is negative where one squares.
    values, vectors = np.linalg.eigh(deepwalk(dense(task)) * root[:, None] * root)
    kept = [k for k in np.argsort(-values)[:columns] if values[k] > 1e-9]
    wanted = sum(values[k] * np.outer(vectors[:, k], vectors[:, k]) for k in kept) / root[:, None] / root
    products = found @ found.T
    np.testing.assert_allclose(products / np.trace(products), wanted / np.trace(wanted), atol=1e-5)
    assert np.linalg.norm(found) == pytest.approx(np.sqrt(80 * 4), rel=1e-6), "that of the features"
    assert not found[:, len(kept) :].any()
    largest = np.abs(found * root[:, None]).argmax(0)[: len(kept)]
    assert (found[largest, range(len(kept))] > 0).all(), "signs are fixed"


def test_nodes_may_have_other_numbers_and_components_have_no_column_of_their_own() -> None:
    """Three components and a node without an edge: eigenvalue 1 three times, which says nothing of a place."""
    path = np.array([[0, 1, 1, 2, 3, 4, 5, 7, 8, 10, 10], [1, 2, 3, 3, 4, 5, 6, 8, 9, 11, 11]])
    task = of_edges(13, path)
    found = positions.encodings(task, 2)
    assert not found[12].any()
    np.testing.assert_allclose(found[[10, 11]], 0, atol=1e-9, err_msg="two nodes of one edge are alike")
    degrees = dense(task).sum(1)
    for part in (range(7), range(7, 10)):
        np.testing.assert_allclose(degrees[part] @ found[part], 0, atol=1e-5)
    order = np.random.default_rng(0).permutation(13)
    np.testing.assert_allclose(positions.encodings(of_edges(13, order[path]), 2)[order], found, atol=1e-5)
    empty = of_edges(3, np.zeros((2, 0), int))
    assert not positions.encodings(empty, 2).any()


def test_test_nodes_of_an_inductive_task_have_the_mean_of_their_neighbours() -> None:
    task = Variant(inductive=True).apply(make_tiny_task()).finish()
    found, adjacency, held_out = positions.encodings(task, 3), dense(task), task.split("test")
    seen = np.setdiff1d(range(60), held_out)
    for node in held_out:
        around = [j for j in np.flatnonzero(adjacency[node]) if j in seen]
        np.testing.assert_allclose(found[node], found[around].mean(0) if around else 0, atol=1e-6)
    inside = adjacency[np.ix_(seen, seen)]
    alone = of_edges(len(seen), np.array(np.nonzero(inside)))
    alone = replace(alone, arrays={**alone.arrays, "features": task.arrays["features"][seen]})
    np.testing.assert_array_equal(positions.encodings(alone, 3), found[seen])
    assert np.abs(positions.encodings(make_tiny_task(), 3)[seen] - found[seen]).max() > 0.01


def test_directed_edges_count_in_both_directions() -> None:
    task = make_tiny_task()
    rows = np.repeat(np.arange(60), np.diff(task.arrays["pointers"]))
    kept = rows < task.arrays["sources"]
    arrays = dict(task.arrays, sources=task.arrays["sources"][kept])
    arrays["pointers"] = np.cumsum([0, *np.bincount(rows[kept], minlength=60)])
    directed = replace(task, arrays=arrays, info={"symmetric": False})
    np.testing.assert_allclose(positions.encodings(directed, 3), positions.encodings(task, 3), atol=1e-6)


def test_encodings_are_kept_by_all_that_they_rest_on(tmp_path, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(positions, "encodings", lambda task, k: made.append(k) or np.full((60, k), len(made), "f4"))
    task = make_tiny_task()
    read = [positions.added(task, {"positions": k}, tmp_path).arrays["features"][0, 5:].tolist() for k in (2, 3, 2)]
    assert read == [[1, 1], [2, 2, 2], [1, 1]]
    positions.added(replace(task, fingerprint="another"), {"positions": 2}, tmp_path)
    assert made == [2, 3, 2]
    for file in (tmp_path / "positions").iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    positions.added(task, {"positions": 2}, tmp_path)
    assert made == [2, 3, 2, 2]
    positions.added(task, {"positions": 2}, tmp_path / "task.json" / "no folder")
    assert positions.added(task, MLP, tmp_path) is task


def blas() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_encodings_are_computed_on_one_thread(monkeypatch) -> None:
    """How many a process happens to have stands in no file's name."""
    seen, leading = [], positions._leading
    monkeypatch.setattr(positions, "_leading", lambda *a: seen.append(blas()) or leading(*a))
    with threadpool_limits(2, user_api="blas"):
        positions.encodings(make_tiny_task(), 3)
        assert blas() == {2}
    assert seen == [{1}]


def test_they_are_in_a_process_that_has_not_loaded_scipys_library_before() -> None:
    """Numpy and scipy bring one each; what is not loaded cannot be limited."""
    code = """
from threadpoolctl import threadpool_info
from tests.conftest import make_tiny_task
from workflow.models import positions
positions.SMALL, real = 0, positions._leading
def leading(*arguments):
    found = real(*arguments)
    print(sorted(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"))
    return found
positions._leading = leading
positions.encodings(make_tiny_task(), 3)
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split("\n")[0] == "[1, 1]"


@pytest.mark.parametrize("library", ["numpy", "scipy"])
def test_encodings_of_another_version_are_made_anew(library: str, tmp_path, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(positions, "encodings", lambda task, k: made.append(k) or np.zeros((60, k), "f4"))
    positions.kept(make_tiny_task(), 2, tmp_path)
    monkeypatch.setattr(f"{library}.__version__", "another")
    positions.kept(make_tiny_task(), 2, tmp_path)
    assert made == [2, 2]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("models/small/positions", 0, "models.small.positions"),
        ("models/small/positions", True, "models.small.positions"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(path: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan_of(change(path, value))


def test_a_plan_solves_the_width_with_them_and_other_kinds_have_none() -> None:
    student = next(iter(plan_of(change("models/small/positions", 16)).cells.values()))
    assert student.model["positions"] == 16
    plain = next(iter(plan_of(GOOD).cells.values()))
    assert "positions" not in plain.model
    assert student.model["width"] < plain.model["width"]
    with pytest.raises(UserError, match="positions: for node tasks on homogeneous graphs; this dataset is graph"):
        sizes.measure({"model": "gine", "positions": 2}, replace(TINY, kind=Kind.GRAPH))
    with pytest.raises(UserError, match=r"positions: 2.5; allowed: whole numbers >= 1"):
        sizes.measure({**MLP, "positions": 2.5}, TINY)
