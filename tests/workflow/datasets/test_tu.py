"""TU collections: against PyTorch Geometric's reader, from every layout, and what is told of broken files."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.io import read_tu_data

from workflow import catalog
from workflow.datasets import tu
from workflow.datasets.parts import files
from workflow.errors import UserError

GRAPHS = 120
TEST = [4, 7, 17, 24, 36, 46, 68, 75, 87, 105, 112, 115]


def write(folder: Path, name: str = "mutag") -> Path:
    """Made-up files: 120 graphs, edges both ways, some of them twice, and self-loops; labels that do not begin at 0."""
    draw, facts = np.random.default_rng(0), catalog.facts(name)
    sizes = draw.integers(2, 9, GRAPHS)
    begins = np.cumsum(sizes) - sizes
    edges = []
    for begin, size in zip(begins, sizes, strict=True):
        ends = begin + draw.integers(0, size, (12, 2)) + 1
        edges += [*ends.tolist(), *ends[:, ::-1].tolist()]
    kind = {tuple(sorted(ends)): draw.integers(0, 4) for ends in edges}
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "A": [f"{a}, {b}" for a, b in edges],
        "graph_indicator": np.repeat(np.arange(GRAPHS), sizes) + 1,
        "graph_labels": np.arange(GRAPHS) % facts.outputs * 2 - 1,
        "node_labels": [0, facts.info["vocabulary"][0] - 1, *draw.integers(0, 3, sizes.sum() - 2)],
        "edge_labels": [kind[tuple(sorted(ends))] for ends in edges],
    }
    for part, lines in content.items():
        if part != "edge_labels" or name in tu.WITH_EDGE_LABELS:
            (folder / f"{facts.title}_{part}.txt").write_text("\n".join(map(str, lines)) + "\n")
    return folder


@pytest.mark.parametrize("name", tu.NAMES)
def test_what_is_read_is_what_pytorch_geometric_reads(name: str, tmp_path: Path) -> None:
    raw = write(tmp_path / name / "raw", name)
    task = catalog.build(name, {"tu_root": str(tmp_path)})
    data, slices, _ = read_tu_data(str(raw), catalog.facts(name).title)
    assert torch.equal(data.x.argmax(1), torch.from_numpy(task.arrays["features"][:, 0]))
    assert torch.equal(data.y, torch.from_numpy(task.labels))
    assert slices["x"].tolist() == task.arrays["node_pointers"].tolist()
    assert slices["edge_index"].tolist() == task.arrays["edge_pointers"].tolist()
    own = data.edge_index + torch.repeat_interleave(slices["x"][:-1], slices["edge_index"].diff())
    assert torch.equal(own, torch.from_numpy(task.arrays["edge_index"]))
    for label in range(task.outputs):
        parts = [int((task.labels[task.split(part)] == label).sum()) for part in ("train", "valid", "test")]
        assert parts[0] > parts[1] >= 1 and parts[2] >= 1
    assert sorted(np.concatenate([task.split(part) for part in ("train", "valid", "test")])) == list(range(GRAPHS))


def test_labels_of_edges_stay_with_their_edges(tmp_path: Path) -> None:
    raw = write(tmp_path)
    arrays = catalog.build("mutag", {"tu_root": str(tmp_path)}).arrays
    lines = (tuple(map(int, line.split(","))) for line in (raw / "MUTAG_A.txt").read_text().splitlines())
    kinds = map(int, (raw / "MUTAG_edge_labels.txt").read_text().split())
    stated = dict(zip(lines, kinds, strict=True))
    for (source, target), (kind,) in zip(arrays["edge_index"].T, arrays["edge_features"], strict=True):
        assert stated[source + 1, target + 1] == kind


def test_an_archive_is_downloaded_and_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "source")
    monkeypatch.chdir(tmp_path)

    def fetch(url: str, folder: Path) -> None:
        assert url == "https://www.chrsmrrs.com/graphkerneldatasets/MUTAG.zip"
        with zipfile.ZipFile(folder / "MUTAG.zip", "w") as archive:
            for file in source.iterdir():
                archive.write(file, f"MUTAG/{file.name}")

    monkeypatch.setattr(files, "fetch", fetch)
    found = catalog.build("mutag", {})
    assert found.fingerprint == catalog.build("mutag", {"tu_root": str(source)}).fingerprint
    assert sorted(file.name for file in Path("data/raw/mutag/raw").iterdir()) == sorted(
        file.name for file in source.iterdir()
    )


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("A", lambda text: "1, 9999\n" + text, "nodes must lie in 1..*"),
        ("A", lambda text: re.sub(r"^.*\n", "1, 60\n", text, count=1), "line 1 joins nodes of two graphs"),
        ("A", lambda text: "one, two\n", ".*could not convert.*"),
        ("graph_indicator", lambda text: text.replace("\n120", ""), "must name the graphs from 1 to 120"),
        ("graph_labels", lambda text: text.replace("-1\n", "5\n", 1), "has 3 classes, not 2"),
        ("node_labels", lambda text: text + "1\n", r"has \d+ lines, but \d+ belong there"),
        ("edge_labels", lambda text: "7" + text, "must span at most 4 numbers, not 7"),
        ("node_labels", lambda text: "", "must have lines of 1 whole numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_a_broken_file_is_one_line(part: str, change, told: str, tmp_path: Path) -> None:
    file = write(tmp_path) / f"MUTAG_{part}.txt"
    file.write_text(change(file.read_text()))
    with pytest.raises(UserError, match=rf"^{re.escape(str(file))}: {told}") as raised:
        catalog.build("mutag", {"tu_root": str(tmp_path)})
    assert "\n" not in str(raised.value)


def test_the_split_is_this_one(tmp_path: Path) -> None:
    """Of 60 graphs of each class 48, 6 and 6; which ones is written down: others would be another benchmark."""
    write(tmp_path / "mutag" / "raw")
    task = catalog.build("mutag", {"tu_root": str(tmp_path)})
    for part, wanted in (("train", 48), ("valid", 6), ("test", 6)):
        assert np.bincount(task.labels[task.split(part)]).tolist() == [wanted, wanted]
    assert task.split("test").tolist() == TEST
