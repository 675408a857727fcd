"""What an import leaves out is told, whatever kind of file it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch_geometric.data import HeteroData

from tests.workflow.test_importing import SPLIT, data, graphs
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
