"""Features of graphs become categories, decided over all graphs at once; whatever is no category is one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from tests.workflow.test_importing import imported
from workflow.errors import UserError
from workflow.task import Task

GRAPHS = 9
EDGES = torch.tensor([[0, 1], [1, 2]])
LONE = torch.zeros(2, 0, dtype=torch.long)
SPLIT = {"train": range(4), "valid": [4, 5], "test": [6, 7, 8]}
INF = float("inf")


def found(of_one: dict[str, Any] | None = None, **of_all: Any) -> tuple[Task, list[str]]:
    """Graphs of three nodes and two edges; graph 4 may differ."""
    common = {"x": torch.tensor([[0], [2], [1]]), "edge_attr": torch.tensor([[1], [0]]), "edge_index": EDGES} | of_all
    graphs = [
        Data(y=torch.tensor(number % 2), **(common | (of_one or {} if number == 4 else {}))) for number in range(GRAPHS)
    ]
    return imported((graphs, SPLIT))


def test_graphs_without_edges() -> None:
    task, _ = found(edge_index=LONE, edge_attr=None)
    assert task.num_edges == 0
    assert task.arrays["edge_features"].shape == (0, 1)


@pytest.mark.parametrize(("key", "rows", "of"), [("x", 3, "vocabulary"), ("edge_attr", 2, "edge_vocabulary")])
def test_no_columns_are_no_features(key: str, rows: int, of: str) -> None:
    task, told = found(**{key: torch.zeros(rows, 0)})
    expected, _ = found(**{key: None, "num_nodes": 3})
    assert task.info[of] == [1]
    assert task.fingerprint == expected.fingerprint
    assert f"mine: graphs have no {key}: every row is of one category" in told


@pytest.mark.parametrize("bare", [torch.zeros(0, 3), torch.zeros(0), torch.zeros(0, 1, dtype=torch.long), None])
@pytest.mark.parametrize(("attributes", "sizes"), [([[1.0, 0, 1], [1, 0, 1]], [2, 1, 2]), ([[0.0, 1, 0]] * 2, [2])])
def test_a_graph_without_edges_does_not_decide(attributes: list[Any], sizes: list[int], bare: Any) -> None:
    task, _ = found({"edge_index": LONE, "edge_attr": bare}, edge_attr=torch.tensor(attributes))
    assert task.info["edge_vocabulary"] == sizes
    assert len(task.arrays["edge_features"]) == 2 * (GRAPHS - 1)


def test_rows_are_single_categories_in_all_graphs_or_in_none() -> None:
    """A row of zeros in a single graph, or one of several ones; integers are categories as they are."""
    _, told = found(x=torch.eye(3))
    assert "mine: x: rows with a single 1 became categories" in told
    for row in ([0.0, 0.0, 0.0], [1.0, 0.0, 1.0]):
        odd = torch.tensor([[1.0, 0.0, 0.0], row, row])
        task, told = found({"x": odd}, x=torch.eye(3))
        assert task.info["vocabulary"] == [2, 2, 2]
        assert task.arrays["features"][12:15].tolist() == odd.tolist()
        assert (
            f"mine: x: every column is a feature of its own, 0 or 1: a row of graph 4 has {sum(row):g} ones, so that "
            "rows are no single categories"
        ) in told
    task, told = found(x=torch.eye(3, dtype=torch.long))
    assert task.info["vocabulary"] == [2, 2, 2]
    assert not any("single" in line for line in told)


def test_ordinary_categories_pass_and_ids_do_not() -> None:
    assert found({"x": torch.tensor([[0], [9999], [1]])})[0].info["vocabulary"] == [10_000]
    dense = torch.arange(300)[:, None] * 99
    assert found({"x": dense}, x=torch.tensor([[0], [1], [2]]))[0].info["vocabulary"] == [299 * 99 + 1]


def test_nodes_that_are_only_counted() -> None:
    task, told = found(x=None, edge_attr=None, edge_index=LONE)
    assert task.arrays["features"].shape == (GRAPHS, 1)
    assert "mine: a graph without x, edges and num_nodes has one node" in told
    task, told = found({"x": torch.zeros(0, 1), "edge_index": LONE, "edge_attr": None})
    assert np.diff(task.arrays["node_pointers"])[4] == 0
    assert "mine: a graph without nodes was taken as it is" in told


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.bfloat16, torch.float64])
def test_categories_of_any_type_are_the_same(dtype: torch.dtype) -> None:
    x = torch.tensor([[0, 1], [1, 1], [1, 0]])
    assert found(x=x.to(dtype))[0].fingerprint == found(x=x)[0].fingerprint


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("key", ["x", "edge_attr"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["C", "N", "O"], "must be numbers, not text"),
        (np.array(["C", 1, 2], object), "must be numbers, not text"),
        ([[1], [1, 2], [1]], "makes no array: "),
        (torch.tensor([1j, 1, 0]), "must be numbers, not complex64"),
        (torch.tensor([0.0, INF, 0.0]), "inf in column 0 is not finite; .* whole numbers from 0 on"),
        (torch.tensor([0.0, float("nan"), 0.0]), "nan in column 0 is not finite"),
        (torch.tensor([[0.0, 0.0], [0.0, 0.5], [0.0, 0.0]]), "0.5 in column 1 is no category: .* whole numbers from 0"),
        (torch.tensor([0, -1, 0]), "-1 in column 0 is no category"),
        (torch.tensor([0, 1e30, 0]), r"1e\+30 in column 0 is no category: .* below 2\^31"),
        (torch.tensor([0, 2**62, 0]), "in column 0 is no category"),
        (torch.zeros(3, 2), "has 2 columns, graph 0 has 1"),
        (torch.zeros(3, 0), "has 0 columns, graph 0 has 1"),
        (torch.zeros(3, 1, 1), r"must be \[[23], k\], not \[[23], 1, 1\]"),
    ],
)
def test_what_is_no_category_is_one_line(key: str, values: Any, message: str) -> None:
    rows, columns = {"x": 3, "edge_attr": 2}, 2 if "column 1" in message else 1
    common = {name: torch.zeros(n, columns) for name, n in rows.items()}
    with pytest.raises(UserError, match=rf"^mine: graph 4: {key}:? [^\n]*{message}[^\n]*$"):
        found({key: values[: rows[key]]}, num_nodes=3, **common)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.tensor([[0], [10**9], [1]])}, "x: column 0 has 4 categories, numbered up to 1000000000: number"),
        ({"edge_attr": torch.tensor([[0], [10_000]])}, "edge_attr: column 0 has 3 .* large gaps .allowed: below 10000"),
        ({"edge_attr": torch.zeros(3, 1)}, r"graph 4: edge_attr must be \[2, k\], not \[3, 1\]"),
        ({"edge_index": [["a", "b"], ["b", "c"]]}, r"graph 4: edge_index must be \[2, E\] whole numbers, not text"),
        ({"edge_index": [[0, 1], [1]]}, "graph 4: edge_index: makes no array"),
        (
            {"x": torch.tensor(3)},
            "graph 4: its nodes cannot be counted: .*; nodes have x, a row for each, or num_nodes",
        ),
        ({"x": None, "edge_index": LONE, "edge_attr": None, "num_nodes": -3}, "graph 4: num_nodes is -3"),
        (
            {"x": None, "edge_index": EDGES + 10**12},
            "graph 4: edge_index: names 3 of 1000000000003 nodes: number those",
        ),
    ],
)
def test_what_is_no_graph_is_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"^mine: {message}[^\n]*$"):
        found(change)
