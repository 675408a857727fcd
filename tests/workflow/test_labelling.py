"""Labels of nodes that are no classes: what they look like, what is told, and what is refused in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.data import HeteroData

from methods.vocabulary import Kind, Objective
from tests.workflow.test_importing import NODES, SPLIT, data, graphs, imported
from workflow.errors import UserError
from workflow.importing import Import
from workflow.steps.import_data import read

NAN = float("nan")
BINARY = torch.tensor([[0.0, 1.0], [1.0, NAN], [0.0, 0.0], [1.0, 1.0]]).repeat(3, 1)
NUMBERS = torch.randn(NODES, 2, generator=torch.Generator().manual_seed(1))
HOT = torch.eye(3)[torch.arange(NODES) % 3]
DIRECTED = "mine: edge_index: the graph is directed: messages go from source to target alone"
OTHERWISE = "NaN as unmeasured; --objective takes them otherwise"
SEEN = {
    "binary": "mine: labels were taken as binary targets, " + OTHERWISE,
    "regression": "mine: labels were taken as numbers, a regression, " + OTHERWISE,
    "multiclass": "mine: labels of type float32 were taken as whole numbers, NaN as unknown",
}
METRICS = {"multiclass": "accuracy", "binary": "rocauc", "regression": "rmse"}


@pytest.mark.parametrize(
    ("y", "stated", "objective", "told"),
    [
        (BINARY, None, "binary", [SEEN["binary"]]),
        (BINARY.nan_to_num().bool(), None, "binary", [SEEN["binary"]]),
        (NUMBERS, None, "regression", [SEEN["regression"]]),
        (
            NUMBERS[:, 0].double(),
            None,
            "regression",
            ["mine: labels of type float64 became float32", SEEN["regression"]],
        ),
        (BINARY[:, 0], None, "multiclass", [SEEN["multiclass"]]),
        (BINARY[:, 1], "binary", "binary", []),
        (BINARY[:, 1], "regression", "regression", []),
        (torch.arange(NODES), "regression", "regression", ["mine: labels of type int64 became float32"]),
        (HOT, "binary", "binary", []),
    ],
)
def test_what_labels_look_like(y: torch.Tensor, stated: str | None, objective: str, told: list[str]) -> None:
    task, lines = imported(data(y=y), objective=Objective(stated) if stated else None)
    assert (task.kind, task.objective, task.metric) == (Kind.NODE, objective, METRICS[objective])
    assert [line for line in lines if line != DIRECTED] == told
    if objective != "multiclass":
        expected = y.reshape(NODES, -1).numpy().astype(np.float32)
        np.testing.assert_array_equal(task.labels, expected)
        assert task.labels.dtype == np.float32 and task.outputs == expected.shape[1]


def test_a_target_that_a_part_cannot_score_is_told() -> None:
    y = BINARY.clone()
    y[4:8, 1] = 1
    _, lines = imported(data(y=y))
    assert "mine: split: valid has one class alone of target 1, which its score leaves out" in lines


@pytest.mark.parametrize(
    ("y", "stated", "message"),
    [
        (HOT, None, r"labels: every row has a single 1: .*; --objective binary takes them as 3 targets"),
        (BINARY * 2, "binary", r"labels: 2 is neither 0 nor 1, nor NaN \(unmeasured\)"),
        (BINARY - 1, "binary", "labels: -1 is neither 0 nor 1, nor NaN"),
        (BINARY, "multiclass", r"labels must be \[n\] classes, not of shape \[12, 2\]"),
        (NUMBERS[:, 0], "multiclass", "labels must be whole numbers, the classes"),
        (NUMBERS.double() * 1e300, None, "labels must be finite in float32, or NaN where unmeasured"),
        (NUMBERS / 0, "regression", "labels must be finite in float32"),
        ([["a", "b"]] * NODES, None, "labels must be numbers, not text"),
        (NUMBERS[:5], None, r"features must be \[5, f\]"),
        (BINARY.nan_to_num(-1), None, "labels: -1 may be a missing answer, a no, or a number: write 0, 1, and NaN"),
        (2 * torch.eye(2)[torch.arange(NODES) % 2].long() - 1, None, "; --objective regression takes them as numbers"),
        (torch.arange(NODES) % 3 - 1, None, "split: train has item 0, whose label is negative or NaN: unknown"),
        (torch.arange(NODES) % 2 * 2 - 1, None, "at least two classes; 6 labels are negative or NaN, which means unk"),
        (torch.arange(NODES) % 2 * 10**15, None, "labels: no item has class 1; classes must be 0 to C - 1"),
        (np.arange(NODES, dtype=np.uint64) << np.uint64(60), None, "labels: no item has class 1; classes must be 0 to"),
        (torch.arange(NODES) % 2 * 1e30, None, "labels: no item has class 1; classes must be 0 to C - 1"),
        (BINARY[:, 0] / 0, "multiclass", "labels must be whole numbers, the classes"),
        ([float("inf"), *range(NODES - 1)], None, "labels must be whole numbers, the classes"),
        ([[0, 1], [1]] * 6, None, "labels: makes no array"),
        (torch.zeros(NODES, 0), None, r"labels must be \[n\] classes, or \[n, targets\], not of shape \[12, 0\]"),
        (torch.zeros(NODES, 2), None, "split/train: target 0 has 0 positive and 4 negative labels, and no other"),
        (torch.full((NODES, 2), NAN), None, "split/train: target 0 has 0 positive and 0 negative labels"),
        (
            torch.where(torch.tensor([True, False]), NUMBERS, NAN),
            None,
            "split/train: target 1 is measured nowhere, so that rmse has no score",
        ),
    ],
)
def test_what_is_wrong_is_one_line(y: Any, stated: str | None, message: str) -> None:
    with pytest.raises(UserError, match=rf"^mine: [^\n]*{message}[^\n]*$"):
        imported(data(y=y), objective=Objective(stated) if stated else None)


def test_a_metric_of_other_labels_is_refused() -> None:
    with pytest.raises(UserError, match=r"^mine: the metric 'rmse' scores regression, not binary$"):
        Import("mine", "rmse", say=lambda line: None).node(
            data().x, data().edge_index, BINARY, {part: np.arange(4) + 4 * k for k, part in enumerate(SPLIT)}
        )


def test_a_heterogeneous_graph() -> None:
    graph = HeteroData()
    graph["paper"].x, graph["paper"].y = torch.randn(12, 4), BINARY
    for number, part in enumerate(("train", "val", "test")):
        graph["paper"][f"{part}_mask"] = torch.arange(12) // 4 == number
    graph["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1, 3], [1, 1, 5]])
    task, told = imported(graph)
    assert (task.kind, task.objective, task.outputs) == (Kind.HETEROGENEOUS, "binary", 2)
    assert SEEN["binary"] in told
    assert imported(graph, objective=Objective.REGRESSION)[0].metric == "rmse"


@pytest.mark.parametrize(
    ("y", "seen"),
    [
        ([[0.0, 1.0], [1.0, 1.0], [NAN, 0.0], [1.0, 0.0]], "binary"),
        ([[0, 3], [-1, 1], [1, 1], [2, 2]], "regression"),
    ],
)
def test_what_labels_of_graphs_look_like_is_told(y: list[Any], seen: str) -> None:
    task, lines = imported((graphs((y + y)[:7]), SPLIT))
    assert task.objective == seen
    assert SEEN[seen] in lines


def test_minus_one_for_a_missing_answer_of_graphs_is_no_number() -> None:
    several = graphs([[0, 1], [1, -1], [1, 1], [0, 0], [1, -1], [0, 1], [1, 0]])
    with pytest.raises(UserError, match="mine: labels: -1 may be a missing answer"):
        imported((several, SPLIT))
    assert imported((several, SPLIT), objective=Objective.REGRESSION)[0].metric == "rmse"


def test_rows_of_graphs_with_a_single_1_are_refused_alike() -> None:
    hot = graphs([[1.0, 0.0], [0.0, 1.0]] * 3 + [[1.0, 0.0]])
    with pytest.raises(UserError, match="mine: labels: every row has a single 1"):
        imported((hot, SPLIT))
    assert imported((hot, SPLIT), objective=Objective.BINARY)[0].outputs == 2


@pytest.mark.parametrize("y", [BINARY, NUMBERS])
def test_files_hold_the_same_labels(y: torch.Tensor, tmp_path: Path) -> None:
    one = data(y=y)
    expected, _ = imported(one)
    ids = {part: np.arange(4) + 4 * number for number, part in enumerate(("train", "valid", "test"))}
    np.savez(tmp_path / "g.npz", features=one.x.numpy(), edge_index=one.edge_index.numpy(), labels=y.numpy(), **ids)
    folder = tmp_path / "tables"
    folder.mkdir()
    nodes = pd.DataFrame(one.x.numpy()).assign(split=["train"] * 4 + ["valid"] * 4 + ["test"] * 4)
    for column in range(2):
        nodes[f"label_{column}"] = y[:, column].numpy()
    nodes.to_csv(folder / "nodes.csv", index=False)
    pd.DataFrame(one.edge_index.numpy().T, columns=["source", "target"]).to_csv(folder / "edges.csv", index=False)
    for source in (tmp_path / "g.npz", folder):
        task = read(source, Import("mine", say=lambda line: None))
        assert (task.objective, task.metric, task.outputs) == (expected.objective, expected.metric, 2)
        np.testing.assert_allclose(task.labels, expected.labels, rtol=1e-6)
        np.testing.assert_allclose(task.arrays["features"], expected.arrays["features"], rtol=1e-6)


def test_columns_that_may_be_meant_as_labels_are_told(tmp_path: Path) -> None:
    lines: list[str] = []
    rows = [
        "label,label_b,x,split",
        "0,1,2,train",
        "1,0,1,train",
        "0,1,2,valid",
        "1,0,1,valid",
        "0,1,2,test",
        "1,0,1,test",
    ]
    (tmp_path / "nodes.csv").write_text("\n".join(rows))
    (tmp_path / "edges.csv").write_text("source,target\n0,1\n")
    task = read(tmp_path, Import("mine", say=lines.append))
    assert task.arrays["features"].shape == (6, 2)
    assert "mine: nodes.csv: the column label_b is a feature" in lines
    (tmp_path / "nodes.csv").write_text("x,split\n1,train\n")
    with pytest.raises(
        UserError, match=r"nodes.csv: the column label is missing; needed: label, or several label_NAME"
    ):
        read(tmp_path, Import("mine"))
