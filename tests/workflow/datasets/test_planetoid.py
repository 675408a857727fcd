"""Planetoid's files: read as PyTorch Geometric reads them, but without running what a pickle says."""

from __future__ import annotations

import pickle
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tests.workflow.datasets.ogb_layout import shared_data
from workflow import catalog
from workflow.datasets import planetoid
from workflow.datasets.parts import cpf
from workflow.datasets.parts.csr import expand
from workflow.errors import UserError
from workflow.task import ABSENT, SPLITS, Task

TRAIN, KNOWN, TEST, FEATURES = 12, 520, 30, 20


def write_tiny(root: Path, name: str, classes: int, gap: int = 0, seed: int = 0) -> Path:
    """Made-up raw files; with a `gap`, that many ids among the test nodes are left out, as in CiteSeer."""
    draw = np.random.default_rng(seed)
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    index = KNOWN + np.sort(draw.choice(np.arange(1, TEST + gap - 1), TEST - 2, replace=False))
    index = draw.permutation(np.r_[KNOWN, index, KNOWN + TEST + gap - 1])
    nodes = KNOWN + TEST + gap
    allx = csr_matrix((draw.random((KNOWN, FEATURES)) < 0.2).astype(np.float32))
    ally = np.eye(classes, dtype=np.int32)[draw.integers(classes, size=KNOWN)]
    graph = defaultdict(list, {i: draw.integers(nodes, size=3).tolist() for i in range(nodes)})
    graph[0] = [0, 1, 1]  # a self-loop and a duplicate
    contents = {
        "x": allx[:TRAIN],
        "y": ally[:TRAIN],
        "tx": csr_matrix((draw.random((TEST, FEATURES)) < 0.2).astype(np.float32)),
        "ty": np.eye(classes, dtype=np.int32)[draw.integers(classes, size=TEST)],
        "allx": allx,
        "ally": ally,
        "graph": graph,
    }
    for file, value in contents.items():
        (raw / f"ind.{name}.{file}").write_bytes(pickle.dumps(value, protocol=4))
    np.savetxt(raw / f"ind.{name}.test.index", index, fmt="%d")
    return raw


def assert_as_pytorch_geometric(task: Task, raw: Path) -> None:
    from torch_geometric.io import read_planetoid_data
    from torch_geometric.transforms import NormalizeFeatures

    data = NormalizeFeatures()(read_planetoid_data(str(raw), task.name))
    assert np.array_equal(task.arrays["features"], data.x.numpy())
    labels = np.where(task.labels == ABSENT, 0, task.labels)  # its argmax of a row of zeros
    assert np.array_equal(labels, data.y.numpy())
    targets = expand(task.arrays["pointers"])
    found = set(zip(task.arrays["sources"].tolist(), targets.tolist(), strict=True))
    listed = {(a, b) for a, b in data.edge_index.t().tolist()}
    assert found == listed | {(b, a) for a, b in listed}
    assert len(found) == task.num_edges
    for part, mask in zip(SPLITS, (data.train_mask, data.val_mask, data.test_mask), strict=True):
        assert np.array_equal(task.split(part), np.flatnonzero(mask.numpy()))


def test_real_cora() -> None:
    root = shared_data("planetoid")
    task = catalog.build("cora", {"planetoid_root": str(root)})
    assert task.fingerprint[:16] == "f1bb013723106904"
    assert task.arrays["features"].shape == (2708, 1433) and task.num_edges == 10_556
    assert [len(task.split(part)) for part in SPLITS] == [140, 500, 1000]
    assert_as_pytorch_geometric(task, root / "cora" / "raw")


def test_real_cora_as_in_cpf() -> None:
    """2,485 nodes and 5,069 edges (Zhang et al., ICLR 2022), with features as they are stored."""
    settings = {"planetoid_root": str(shared_data("planetoid"))}
    task, whole = catalog.build("cora-cpf", settings), catalog.build("cora", settings)
    assert task.arrays["features"].shape == (2485, 1433) and task.num_edges == 2 * 5069
    assert set(np.unique(task.arrays["features"])) == {0, 1}
    assert [len(task.split(part)) for part in SPLITS] == [140, 210, 2135]
    kept = cpf.largest_component(ends_of(whole), 2708)
    assert np.array_equal(task.labels, whole.labels[kept])
    assert np.array_equal(task.arrays["features"] > 0, whole.arrays["features"][kept] > 0)
    place = np.flatnonzero(kept)
    assert set(zip(*place[ends_of(task)], strict=True)) <= set(zip(*ends_of(whole), strict=True))


def ends_of(task: Task) -> np.ndarray:
    pointers, sources = task.arrays["pointers"], task.arrays["sources"]
    return np.stack([sources, np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))])


@pytest.mark.parametrize(("name", "gap"), [("pubmed", 0), ("citeseer", 4)])
def test_tiny_files_are_read_as_pytorch_geometric_reads_them(tmp_path: Path, name: str, gap: int) -> None:
    classes = catalog.facts(name).outputs
    raw = write_tiny(tmp_path, name, classes, gap)
    before = {path.name: path.stat().st_mtime_ns for path in raw.iterdir()}
    task = planetoid.build(name, {"planetoid_root": str(tmp_path)}).finish()
    assert {path.name: path.stat().st_mtime_ns for path in raw.iterdir()} == before
    assert len(task.labels) == KNOWN + TEST + gap
    assert_as_pytorch_geometric(task, raw)


def test_rows_of_features_sum_to_one_or_are_zero() -> None:
    """Also below one, where PyTorch Geometric leaves them: the words of PubMed have fractions for weights."""
    found = planetoid.row_normalised(np.array([[0.02, 0, 0.06], [0, 0, 0], [3, 3, 6]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.25, 0, 0.75], [0, 0, 0], [0.25, 0.25, 0.5]])


def test_nodes_that_the_files_leave_out_have_neither_features_nor_a_label(tmp_path: Path) -> None:
    write_tiny(tmp_path, "citeseer", 6, gap=4)
    task = planetoid.build("citeseer", {"planetoid_root": str(tmp_path)})
    absent = np.setdiff1d(np.arange(KNOWN, KNOWN + TEST + 4), task.split("test"))
    assert len(absent) == 4 and not task.arrays["features"][absent].any()
    assert (task.labels[absent] == ABSENT).all() and (np.delete(task.labels, absent) >= 0).all()


def test_the_catalogue_compares_with_what_is_known(tmp_path: Path) -> None:
    write_tiny(tmp_path, "pubmed", 3)
    with pytest.raises(UserError, match="pubmed: features: the raw files hold 20, but 500 belongs there"):
        catalog.build("pubmed", {"planetoid_root": str(tmp_path)})


class Bomb:
    """Pickles to a call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("file", ["x", "graph"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, file: str, protocol: int) -> None:
    import os

    raw = write_tiny(tmp_path, "cora", 7)
    mark = tmp_path / "it ran"
    path = raw / f"ind.cora.{file}"
    path.write_bytes(pickle.dumps(Bomb(os.system, f"touch '{mark}'"), protocol=protocol))
    with pytest.raises(UserError, match=r"refused: the pickle names (posix|os)\.system") as caught:
        planetoid.build("cora", {"planetoid_root": str(tmp_path)})
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    assert not mark.exists()
    pickle.loads(path.read_bytes())  # the bomb is a real one
    assert mark.exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, np.fromfile, __import__])
def test_only_the_listed_names_are_admitted(tmp_path: Path, function: object) -> None:
    raw = write_tiny(tmp_path, "cora", 7)
    (raw / "ind.cora.x").write_bytes(pickle.dumps(Bomb(function, "1")))
    with pytest.raises(UserError, match="refused"):
        planetoid.build("cora", {"planetoid_root": str(tmp_path)})


def test_indices_beyond_the_matrix_are_refused(tmp_path: Path) -> None:
    """Scipy does not look at them on unpickling, and would read beyond its memory."""
    raw = write_tiny(tmp_path, "cora", 7)
    matrix = pickle.loads((raw / "ind.cora.allx").read_bytes())
    matrix.indices[3] = 1_000_000
    (raw / "ind.cora.allx").write_bytes(pickle.dumps(matrix, protocol=4))
    with pytest.raises(UserError, match=r"ind\.cora\.allx: .*indices"):
        planetoid.build("cora", {"planetoid_root": str(tmp_path)})


@pytest.mark.parametrize("fault", ["missing", "cut", "text", "not a number", "negative", "beyond", "test ids", "rows"])
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, fault: str) -> None:
    raw = write_tiny(tmp_path, "cora", 7)
    name = {"beyond": "graph", "test ids": "test.index", "text": "test.index", "rows": "tx"}.get(fault, "allx")
    path = raw / f"ind.cora.{name}"
    if fault == "missing":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif fault == "text":
        path.write_text("1\nx\n")
    elif fault == "test ids":
        np.savetxt(path, np.r_[3, np.loadtxt(path, int)[1:]], fmt="%d")
    else:
        value = pickle.loads(path.read_bytes())
        if fault == "beyond":
            value[0] = [KNOWN + TEST]
        elif fault == "rows":
            value = value[:-1]
        else:
            value.data[0] = -1 if fault == "negative" else np.nan
        path.write_bytes(pickle.dumps(value, protocol=4))
    with pytest.raises(UserError) as caught:
        planetoid.build("cora", {"planetoid_root": str(tmp_path)})
    assert str(caught.value).startswith(str(path)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_are_downloaded_and_half_ones_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tiny(tmp_path / "server", "pubmed", 3)
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def fetch(file: str, folder: Path) -> None:
        shutil.copy(source / file, folder / file)
        if len(asked) == 2:
            (folder / file).write_bytes(b"\x80")
        asked.append(file)

    monkeypatch.setattr(planetoid, "fetch", fetch)
    task = planetoid.build("pubmed", {}).finish()
    assert len(asked) == 2 * len(planetoid.FILES)
    folder = tmp_path / "data" / "raw" / "pubmed"
    assert [path.name for path in folder.iterdir()] == ["raw"]
    assert planetoid.build("pubmed", {}).finish().fingerprint == task.fingerprint
    assert len(asked) == 2 * len(planetoid.FILES)


def test_a_download_that_fails_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(file: str, folder: Path) -> None:
        raise OSError("no route\nto host")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planetoid, "fetch", fetch)
    with pytest.raises(UserError, match=r"could not download cora \(no route to host\).*planetoid_root"):
        catalog.build("cora", {})
    assert list((tmp_path / "data" / "raw" / "cora").iterdir()) == []


def test_the_download_goes_through_pytorch_geometric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr("torch_geometric.io.fs.cp", lambda source, folder: calls.append((source, folder)))
    planetoid.fetch("ind.cora.x", tmp_path)
    assert calls == [("https://github.com/kimiyoung/planetoid/raw/master/data/ind.cora.x", str(tmp_path))]
