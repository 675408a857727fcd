"""What an import leaves out is told, whatever kind of file it comes from, and no bad file ends in a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.data import Data, HeteroData

from tests.workflow.test_importing import SPLIT, data, graphs
from workflow.errors import UserError
from workflow.importing import Import
from workflow.steps.import_data import from_pyg, read


def told(source: Any) -> list[str]:
    lines: list[str] = []
    into = Import("mine", say=lines.append)
    read(source, into) if isinstance(source, Path) else from_pyg(source, into)
    return [line for line in lines if line.endswith("not used")]


def test_of_one_graph() -> None:
    edges = data().edge_index.shape[1]
    weighted = data(edge_weight=torch.ones(edges), edge_attr=torch.ones(edges, 2), num_nodes=12, pos=None)
    assert told(weighted) == ["mine: edge_attr: is not used", "mine: edge_weight: is not used"]
    assert told(data()) == []


def test_of_a_split_beside_a_graph() -> None:
    split = {"train": torch.arange(4), "val": list(range(4, 8)), "test": np.arange(8, 12), "unlabelled": [3]}
    masks = [f"mine: {part}_mask: is not used" for part in ("train", "val", "test")]
    assert told((data(), split)) == [*masks, "mine: unlabelled: is not used"]


def test_of_several_graphs_once() -> None:
    many = graphs([0, 1, 2, 0, 1, 2, 0], edge_weight=torch.ones(4), num_nodes=3)
    assert told((many, SPLIT | {"rest": []})) == ["mine: edge_weight: is not used", "mine: split: rest: is not used"]


def test_of_a_heterogeneous_graph() -> None:
    graph = HeteroData()
    graph["paper"].x, graph["paper"].y = torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 0, 1])
    for number, part in enumerate(("train", "val", "test")):
        graph["paper"][f"{part}_mask"] = torch.arange(6) // 2 == number
    graph["paper"].year = torch.arange(6)
    graph["author"].num_nodes, graph["author"].train_mask = 3, torch.ones(3, dtype=torch.bool)
    graph["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 2, 4, 4]])
    graph["author", "writes", "paper"].edge_attr = torch.ones(4, 1)
    graph.source = "a library"
    assert told(graph) == [
        "mine: source: is not used",
        "mine: paper: year: is not used",
        "mine: author: train_mask: is not used",
        "mine: author/writes/paper: edge_attr: is not used",
    ]


def test_of_arrays(tmp_path: Path) -> None:
    one = data()
    parts = {"train": one.train_mask, "valid": one.val_mask, "val": one.val_mask, "test": one.test_mask}
    np.savez(tmp_path / "g.npz", x=one.x, edge_index=one.edge_index, labels=one.y, weights=np.ones(24), **parts)
    assert sorted(told(tmp_path / "g.npz")) == ["mine: val: is not used", "mine: weights: is not used"]


def test_of_tables(tmp_path: Path) -> None:
    one = data()
    parts = ["train"] * 4 + ["valid"] * 4 + ["test"] * 4
    pd.DataFrame(one.x.numpy()).assign(label=one.y.numpy(), split=parts).to_csv(tmp_path / "nodes.csv", index=False)
    edges = pd.DataFrame(one.edge_index.numpy().T, columns=["source", "target"]).assign(weight=0.5)
    edges.to_csv(tmp_path / "edges.csv", index=False)
    assert told(tmp_path) == ["mine: edges.csv: the column weight is not used"]


@pytest.mark.parametrize("name", ["id", "Node_ID", ""])
def test_a_column_of_ids_is_no_feature(name: str, tmp_path: Path) -> None:
    """An empty name is that of the index that pandas writes where it is not told otherwise."""
    nodes = pd.DataFrame({name or "id": range(3), "x": 0.5, "label": [0, 1, 0], "split": ["train", "valid", "test"]})
    if name:
        nodes.to_csv(tmp_path / "nodes.csv", index=False)
    else:
        nodes.set_index("id").rename_axis(None).to_csv(tmp_path / "nodes.csv")
    pd.DataFrame({"source": [0, 1], "target": [1, 2]}).to_csv(tmp_path / "edges.csv", index=False)
    assert f"nodes.csv: the column {name or 'Unnamed: 0'} would be a feature; " in refusal(tmp_path)


@pytest.mark.parametrize("change", ["cut", "damaged", "one array"])
def test_a_broken_file_of_arrays_is_one_line(change: str, tmp_path: Path) -> None:
    file = tmp_path / "g.npz"
    np.savez(file, x=data().x)
    whole = file.read_bytes()
    file.write_bytes(whole[:-40] if change == "cut" else whole.replace(data().x.numpy().tobytes(), b"0" * 240))
    if change == "one array":
        with file.open("wb") as opened:
            np.save(opened, data().x)
    with pytest.raises(UserError, match=r"g\.npz: not an \.npz file of plain arrays: [^\n]+$"):
        read(file, Import("mine"))


class Failing(list[Data]):
    """A data set whose own code fails at a graph."""

    def __iter__(self) -> Any:
        raise KeyError("cache")


def refusal(source: Any) -> str:
    with pytest.raises(UserError) as caught:
        told(source)
    return str(caught.value)


def test_what_load_may_return_else_is_one_line() -> None:
    many = graphs([0, 1, 2, 0, 1, 2, 0])
    assert "load() must return Data, HeteroData, or " in refusal({"graph": data()})
    assert refusal((Failing(many), SPLIT)) == "mine: load(): its graphs cannot be read: KeyError: 'cache'"
    parts = "train, valid, test need one each; a graph whose nodes have labels stands outside of a list"
    for few, count in (([], "no graph"), (many[:1], "1 graph"), (many[:2], "2 graphs")):
        assert refusal((few, SPLIT)) == f"mine: holds {count}: {parts}"


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b"], "split: valid must be a boolean mask or whole numbers, not text"),
        ("3, 4", "split: valid must be one mask or list of ids, not of shape []"),
        ([], "the valid split is empty"),
        ([[3], [4, 5]], "split: valid: makes no array: "),
    ],
)
def test_a_part_of_the_split_that_is_none_is_one_line(ids: Any, message: str) -> None:
    assert refusal((graphs([0, 1, 2, 0, 1, 2, 0]), SPLIT | {"valid": ids})).startswith(f"mine: {message}")


def test_numbers_that_numpy_lacks_are_read() -> None:
    assert told(data(x=data().x.bfloat16())) == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": ["a"] * 12}, "features must be numbers, not text"),
        ({"x": [[1]] * 11 + [[1, 2]]}, "features: makes no array: "),
        ({"x": torch.full((12, 2), 1e300, dtype=torch.double)}, "features has values that are not finite in float32"),
        ({"y": data().y[:5]}, "features must be [5, f], not [12, 5]: there are 5 labels"),
    ],
)
def test_a_bad_array_of_one_graph_is_one_line(changes: dict[str, Any], message: str) -> None:
    assert refusal(data(num_nodes=12, **changes)).startswith(f"mine: {message}")


def test_a_type_of_nodes_that_nobody_counts_is_one_line() -> None:
    graph = HeteroData()
    graph["paper"].x, graph["paper"].y = torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 0])
    for number, part in enumerate(("train", "val", "test")):
        graph["paper"][f"{part}_mask"] = torch.arange(6) // 2 == number
    graph["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 2, 4, 4]])
    remedy = "; nodes have x, a row for each, or num_nodes"
    assert refusal(graph) == f"mine: author: is at the end of edges, but no type of nodes{remedy}"
    graph["author"].title = "names"
    assert refusal(graph) == f"mine: author: it is not known how many nodes there are{remedy}"
    graph["author"].num_nodes = 3
    assert refusal(graph) == "mine: labels: there are 5, but 6 nodes of type paper"
