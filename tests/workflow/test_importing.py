"""Own data become datasets: what is cast is told, what is wrong is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.data import Data

from methods.vocabulary import Kind, Objective
from tests.checkouts import call, copy_code
from workflow.errors import UserError
from workflow.importing import Import
from workflow.steps.import_data import from_pyg, read
from workflow.task import Task

NODES, CLASSES = 12, 3


def data(**changes: Any) -> Data:
    """A directed ring with a chord each way; four nodes in each part."""
    generator = torch.Generator().manual_seed(0)
    places = torch.arange(NODES)
    found = {
        "x": torch.randn(NODES, 5, generator=generator),
        "edge_index": torch.stack(
            [torch.cat([places, places]), torch.cat([(places + 1) % NODES, (places + 5) % NODES])]
        ),
        "y": places % CLASSES,
        **{f"{part}_mask": places // 4 == number for number, part in enumerate(("train", "val", "test"))},
        **changes,
    }
    return Data(**found)


def imported(source: Any, **options: Any) -> tuple[Task, list[str]]:
    lines: list[str] = []
    return from_pyg(source, Import("mine", say=lines.append), **options), lines


def test_a_graph_is_taken_as_it_is():
    task, told = imported(data())
    assert (task.kind, task.objective, task.metric, task.outputs) == (Kind.NODE, Objective.MULTICLASS, "accuracy", 3)
    assert task.num_edges == 2 * NODES
    assert task.info == {"symmetric": False}
    assert task.split("valid").tolist() == [4, 5, 6, 7]
    np.testing.assert_array_equal(task.arrays["features"], data().x.numpy())
    into_three = task.arrays["sources"][slice(*task.arrays["pointers"][3:5])]
    assert into_three.tolist() == [2, 10]
    assert told == ["mine: edge_index: the graph is directed: messages go from source to target alone"]


def test_a_split_may_stand_beside_one_graph():
    whole, _ = imported(data())
    split = {"train": torch.arange(4), "val": list(range(4, 8)), "test": np.arange(8, 12)}
    task, _ = imported((data(train_mask=None, val_mask=None, test_mask=None), split))
    assert task.fingerprint == whole.fingerprint


def test_what_is_changed_is_told():
    edges = data().edge_index
    both = torch.cat([edges, edges.flip(0), edges[:, :3], torch.tensor([[1, 1], [1, 1]])], 1)
    task, told = imported(data(x=data().x.double(), y=data().y[:, None].float(), edge_index=both))
    assert task.info == {"symmetric": True}
    assert task.num_edges == 4 * NODES
    assert task.arrays["features"].dtype == np.float32
    assert told == [
        "mine: labels [n, 1] were taken as [n]",
        "mine: labels of type float32 were taken as whole numbers, NaN as unknown",
        "mine: features of type float64 became float32",
        "mine: edge_index: 2 self-loops were left out",
        "mine: edge_index: 3 edges that were there already were left out",
    ]


def test_a_part_without_a_class_is_told():
    _, told = imported(data(y=torch.tensor([0, 1, 2, 0, 1, 0, 1, 0, 2, 1, 0, 2])))
    assert "mine: split: valid has no item of class 2" in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": data().y * 2}, "labels: no item has class 1; classes must be 0 to C - 1"),
        ({"y": torch.zeros(NODES, dtype=torch.long)}, "at least two classes"),
        ({"y": torch.zeros(NODES, 2, 2)}, r"labels must be \[n\] classes, or \[n, targets\], not of shape"),
        ({"x": data().x[:5]}, r"features must be \[12, f\], not \[5, 5\]"),
        ({"x": data().x / 0}, "features has values that are not finite"),
        ({"x": data().x[:, :0]}, r"features must be \[12, f\], not \[12, 0\]"),
        ({"y": list("abcabcabcabc")}, "labels must be whole numbers, not text"),
        ({"x": None}, "features: is missing; allowed names: features, x"),
        ({"edge_index": data().edge_index + 1}, "edge_index: an edge names node 12 as its source, but there are 12"),
        (
            {"edge_index": data().edge_index - 1},
            "an edge names node -1 as its source, but there are 12, numbered from 0",
        ),
        ({"edge_index": data().edge_index.float()}, "edge_index must be .* whole numbers"),
        ({"edge_index": data().edge_index.T}, "edge_index must be"),
        ({"val_mask": None}, "split: valid is missing"),
        ({"val_mask": data().train_mask}, "the splits overlap: train and valid have item 0"),
        ({"val_mask": torch.tensor([4, 5, 5, 6])}, "split/valid: names item 5 twice"),
        ({"val_mask": torch.tensor([4, -2])}, "split/valid: names item -2, but there are 12, numbered from 0"),
        ({"val_mask": torch.zeros(NODES, dtype=torch.bool)}, "the valid split is empty"),
        ({"val_mask": torch.zeros(NODES, 10, dtype=torch.bool)}, "split: valid must be one mask"),
        ({"val_mask": torch.ones(5, dtype=torch.bool)}, "split: the mask of valid has 5 entries, there are 12 items"),
        ({"val_mask": torch.ones(5)}, "split: valid must be a boolean mask or whole numbers"),
        ({"val_mask": data().val_mask.long()}, "split: valid has 12 entries of 0 or 1: a mask must be boolean"),
        ({"edge_index": None, "adj_t": torch.eye(NODES).to_sparse()}, "edge_index: is missing"),
        ({"y": torch.tensor([0, 1, 2, 0] + [1] * 4 + [0, 1, 2, 0])}, "every label is class 1"),
    ],
)
def test_what_is_wrong_is_one_line(changes: dict[str, Any], message: str):
    with pytest.raises(UserError, match=rf"^mine: [^\n]*{message}[^\n]*$"):
        imported(data(**changes))


def graphs(y: list[Any], **changes: Any) -> list[Data]:
    edges = {"edge_index": torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])}
    return [
        Data(x=torch.tensor([[k % 3, 1], [0, 0], [2, 1]]), y=torch.tensor(value), **(edges | changes))
        for k, value in enumerate(y)
    ]


SPLIT = {"train": torch.tensor([0, 1, 2]), "valid": torch.tensor([3, 4]), "test": torch.tensor([5, 6])}


@pytest.mark.parametrize(
    ("y", "objective", "metric"),
    [
        ([0, 1, 2, 0, 1, 2, 0], Objective.MULTICLASS, "accuracy"),
        ([[0.0], [1.0], [float("nan")], [0.0], [1.0], [0.0], [1.0]], Objective.BINARY, "rocauc"),
        ([[0.5], [1.5], [2.0], [0.0], [1.0], [0.0], [3.0]], Objective.REGRESSION, "rmse"),
    ],
)
def test_graphs(y: list[Any], objective: Objective, metric: str):
    task, told = imported((graphs(y), SPLIT))
    assert (task.kind, task.objective, task.metric) == (Kind.GRAPH, objective, metric)
    assert task.info == {"vocabulary": [3, 2], "edge_vocabulary": [1]}
    assert "mine: graphs have no edge_attr: every row is of one category" in told
    assert task.arrays["edge_index"][:, 4:8].min() == 3


def test_one_hot_rows_become_categories_and_other_numbers_are_refused():
    y = [0, 1, 0, 1, 0, 1, 0]
    hot = [Data(x=torch.eye(3), edge_index=g.edge_index, y=g.y) for g in graphs(y)]
    task, told = imported((hot, SPLIT))
    assert task.arrays["features"][:3].tolist() == [[0], [1], [2]]
    assert "mine: x: rows with a single 1 became categories" in told
    real = [Data(x=torch.randn(3, 2), edge_index=g.edge_index, y=g.y) for g in graphs(y)]
    with pytest.raises(UserError, match="features of graph tasks are categories"):
        imported((real, SPLIT))


ONE, LIST = r"load\(\) must return Data, HeteroData, or .*, not ", "must return `graphs, split` for a list"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, ONE + "NoneType"),
        ("graph.pt", ONE + "str"),
        (([data().x, data().y], SPLIT), ONE + "a list of Tensor"),
        (graphs([0, 1]), LIST),
        (([*graphs([0, 1]), Data(x=torch.zeros(3, 2))], SPLIT), "graph 2: edge_index is missing"),
        (([*graphs([0, 1]), Data(edge_index=data().edge_index)], SPLIT), "graph 2: y is missing"),
        (
            (graphs([0, 1, 0], edge_index=torch.tensor([[0], [-1]])), SPLIT),
            "graph 0: edge_index: an edge names node -1,",
        ),
        ((graphs([[0.0], [1.0], [0.0, 1.0]]), SPLIT), "graph 2: y has 2 values, those before have 1"),
    ],
)
def test_what_is_no_graph_is_one_line(source: Any, message: str):
    with pytest.raises(UserError, match=rf"^mine: [^\n]*{message}[^\n]*$"):
        imported(source)


def test_files_hold_the_same_graph(tmp_path: Path):
    one = data()
    masks = {
        name: one[f"{short}_mask"].numpy() for name, short in (("train", "train"), ("valid", "val"), ("test", "test"))
    }
    np.savez(
        tmp_path / "g.npz", features=one.x.numpy(), edge_index=one.edge_index.numpy(), labels=one.y.numpy(), **masks
    )
    folder = tmp_path / "tables"
    folder.mkdir()
    nodes = pd.DataFrame(one.x.numpy()).assign(label=one.y.numpy(), split=["train"] * 4 + ["valid"] * 4 + ["test"] * 4)
    nodes.to_csv(folder / "nodes.csv", index=False)
    pd.DataFrame(one.edge_index.numpy().T, columns=["source", "target"]).to_csv(folder / "edges.csv", index=False)
    expected, _ = imported(one)
    for source in (tmp_path / "g.npz", folder):
        task = read(source, Import("mine", say=lambda line: None))
        assert sorted(task.arrays) == sorted(expected.arrays)
        for name, array in expected.arrays.items():
            np.testing.assert_allclose(task.arrays[name], array, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.npz", "no zip", "g.npz: not an .npz file"),
        ("g.py", "1 / 0", "g.py:1: ZeroDivisionError: division by zero"),
        ("g.py", "def load():\n    raise SystemExit(4)", "g.py:2: SystemExit: 4"),
        ("g.py", "x = 1", r"g.py: has no function load\(\)"),
        ("g.txt", "", r"g.txt: allowed: .py, .npz, or a folder"),
        ("t/nodes.csv", "label,split\n0,train\n", "edges.csv"),
        ("t/nodes.csv", "", "t/nodes.csv: No columns"),
        ("t/nodes.csv", "label,split\n0,1,train\n1,0,test\n", "t/nodes.csv: rows have more fields than the header"),
    ],
)
def test_a_file_that_is_none_is_one_line(name: str, content: str, message: str, tmp_path: Path):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    with pytest.raises(UserError, match=rf"[^\n]*{message}[^\n]*$"):
        read(file if file.parent == tmp_path else file.parent, Import("mine"))


@pytest.mark.slow
def test_from_a_file_to_a_planned_run(tmp_path: Path):
    """By the commands that a user types; another import of the same name is prepared anew."""
    copy_code(tmp_path)
    masks = "".join(f", {part}_mask=k // 20 == {n}" for n, part in enumerate(("train", "val", "test")))
    (tmp_path / "mine.py").write_text(
        "import torch\nfrom torch_geometric.data import Data\n\ndef load():\n    k = torch.arange(60)\n"
        f"    return Data(x=torch.randn(60, 8), edge_index=torch.stack([k, (k + 1) % 60]), y=k % 3{masks})\n"
    )
    (tmp_path / "config" / "own.yaml").write_text(
        "title: Mine\nseeds: 1\nmodels: {big: {model: gcn, width: 64, layers: 2}, small: {model: gcn, layers: 2}}\n"
        "training: {epochs: 2}\nmethods: {supervised: , kd: }\n"
        "experiments: [{dataset: my-graph, teachers: [big], students: [{model: small, widths: [4]}]}]\n"
    )
    command = ("workflow.cli", "import-data", "mine.py", "--name", "my-graph")
    first = call(tmp_path, *command)
    assert first.returncode == 0, first.stderr
    assert "data/own/my-graph: node task, 3 outputs, accuracy; 60 edges; 20 train, 20 valid, 20 test" in first.stdout
    again = call(tmp_path, *command)
    assert again.returncode == 1
    assert (
        again.stderr.strip() == "error: data/own/my-graph: is there already; --replace puts another import in its place"
    )
    run = ("snakemake", "-c1", "data/tasks/my-graph/task.json", "--configfile", "config/own.yaml")
    assert call(tmp_path, *run).returncode == 0
    before = (tmp_path / "data/tasks/my-graph/task.json").read_text()
    assert call(tmp_path, *command, "--replace").returncode == 0
    assert call(tmp_path, *run).returncode == 0
    assert (tmp_path / "data/tasks/my-graph/task.json").read_text() != before
