"""Your own graphs with several types of nodes -> a Task."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.data import HeteroData

from methods.vocabulary import Kind
from tests.workflow.test_importing import data, imported
from workflow.errors import UserError


def papers() -> HeteroData:
    graph = HeteroData()
    graph["paper"].x, graph["paper"].y = torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 0, 1])
    for number, part in enumerate(("train", "val", "test")):
        graph["paper"][f"{part}_mask"] = torch.arange(6) // 2 == number
    graph["author"].num_nodes = 3
    graph["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 2, 4, 4]])
    graph["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1, 3], [1, 1, 5]])
    return graph


def test_what_networks_would_not_see_is_told():
    graph = papers()
    way_back = "mine: author/writes/paper: no relation leads back, so that nothing of paper reaches author"
    assert way_back in imported(graph)[1]
    graph["paper", "written_by", "author"].edge_index = graph["author", "writes", "paper"].edge_index.flip(0)
    assert not [line for line in imported(graph)[1] if "leads back" in line]
    graph["venue"].num_nodes = graph["city"].num_nodes = 2
    graph["venue", "in", "city"].edge_index = torch.tensor([[0], [1]])
    far = "mine: no edges lead from city, venue to paper, nor over others: nothing is learned from them"
    assert far in imported(graph)[1]
    graph["venue", "prints", "paper"].edge_index = torch.tensor([[0], [1]])
    assert far.replace("city, venue", "city") in imported(graph)[1]
    graph["city", "reads", "author"].edge_index = torch.tensor([[0], [1]])
    assert not [line for line in imported(graph)[1] if "nothing is learned" in line]


@pytest.mark.parametrize(
    "name", ["..", "a.b", "a/b", "", "items", "type", "training", "copy", "_modules", "x" * 300, "a\nb"]
)
def test_types_whose_names_neither_files_nor_weights_can_have_are_refused(name: str):
    graph = papers()
    graph[name].num_nodes = 2
    graph[name, "prints", "paper"].edge_index = torch.tensor([[0], [1]])
    with pytest.raises(UserError, match=r"^mine: the type [^\n]*(allowed|that torch takes)[^\n]*$"):
        imported(graph)


def test_relations_have_names_for_files_too():
    graph = papers()
    graph["author", "../..", "paper"].edge_index = torch.tensor([[0], [1]])
    with pytest.raises(UserError, match=r"^mine: the relation '\.\./\.\.' has a name that is none; allowed: "):
        imported(graph)


def test_a_heterogeneous_graph_that_no_network_could_read_is_refused():
    graph = papers()
    del graph["author", "writes", "paper"], graph["paper", "cites", "paper"]
    graph["paper", "written_by", "author"].edge_index = torch.tensor([[0], [1]])
    with pytest.raises(UserError, match="mine: no relation leads to paper, so that its nodes would see no other"):
        imported(graph)
    graph = papers()
    graph["paper"].num_nodes = 6
    del graph["paper"].x
    with pytest.raises(UserError, match="mine: no type of nodes has features x"):
        imported(graph)


@pytest.mark.parametrize("graph", [data(), papers()], ids=["one type", "several"])
def test_a_split_that_is_handed_over_is_the_whole_split(graph: Any):
    half = {"train": [0, 1, 2], "validation": [3], "test": [4, 5]}
    with pytest.raises(UserError, match="mine: split: valid is missing"):
        imported((graph, half))


def test_a_heterogeneous_graph():
    graph = papers()
    task, told = imported(graph)
    assert task.kind == Kind.HETEROGENEOUS
    assert task.info["target"] == "paper"
    assert task.info["counts"] == {"paper": 6, "author": 3}
    assert task.info["features"] == {"paper": 4}
    assert set(task.info["relations"]) == {"author/writes/paper", "paper/cites/paper"}
    assert task.num_edges == 5
    assert len(told) == 3
    graph["author", "writes", "paper"].adj_t = graph["author", "writes", "paper"].edge_index
    del graph["author", "writes", "paper"].edge_index
    with pytest.raises(UserError, match="mine: author/writes/paper: edge_index is missing"):
        imported(graph)
    del graph["paper"].y
    with pytest.raises(UserError, match="one type of nodes must have labels y, not none"):
        imported(graph)
