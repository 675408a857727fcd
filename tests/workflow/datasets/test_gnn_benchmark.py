"""Amazon and Coauthor graphs: read as PyTorch Geometric reads them, one fixed split, broken files in one line."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tests.workflow.datasets.gnn_benchmark_files import APART, CLASSES, NAME, build, parts, tiny, write
from workflow import catalog
from workflow.datasets import gnn_benchmark
from workflow.datasets.gnn_benchmark import FILES
from workflow.datasets.parts.cpf import SPLIT, TRAIN_PER_CLASS, VALID_PER_CLASS, largest_component
from workflow.datasets.parts.csr import expand
from workflow.errors import UserError
from workflow.task import SPLITS


def test_content_is_that_of_pytorch_geometric(tmp_path: Path) -> None:
    from torch_geometric.io import read_npz
    from torch_geometric.transforms import LargestConnectedComponents

    path = write(tmp_path, tiny())
    data = LargestConnectedComponents()(read_npz(str(path)))
    task = build(tmp_path)
    assert len(task.labels) == 600 - APART
    assert task.arrays["features"].max() == 1
    assert np.array_equal(task.arrays["features"], data.x.numpy())
    assert np.array_equal(task.labels, data.y.numpy())
    found = set(zip(task.arrays["sources"].tolist(), expand(task.arrays["pointers"]).tolist(), strict=True))
    assert found == set(map(tuple, data.edge_index.t().tolist()))


def test_every_class_gives_its_share_and_the_rest_is_for_testing(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    task = build(tmp_path)
    for part, share in (("train", TRAIN_PER_CLASS), ("valid", VALID_PER_CLASS)):
        assert np.bincount(task.labels[task.split(part)], minlength=CLASSES).tolist() == [share] * CLASSES
    assert sorted(np.concatenate([task.split(part) for part in SPLITS]).tolist()) == list(range(len(task.labels)))


def test_the_split_ranks_by_a_hash_of_the_number_in_the_file(tmp_path: Path) -> None:
    content = tiny()
    write(tmp_path, content)
    task = build(tmp_path)
    adjacency = csr_matrix((content["adj_data"], content["adj_indices"], content["adj_indptr"]))
    numbers = np.flatnonzero(largest_component(np.stack(adjacency.nonzero()), 600))
    for label in range(CLASSES):
        members = [node for node in numbers.tolist() if content["labels"][node] == label]
        members.sort(key=lambda node: sha256(f"{SPLIT} {node}".encode()).hexdigest())
        train = members[:TRAIN_PER_CLASS]
        valid = members[TRAIN_PER_CLASS : TRAIN_PER_CLASS + VALID_PER_CLASS]
        for part, expected in (("train", train), ("valid", valid)):
            found = task.split(part)[task.labels[task.split(part)] == label]
            assert numbers[found].tolist() == sorted(expected)


def test_the_split_is_the_same_for_ever(tmp_path: Path) -> None:
    """Of content that no random generator makes: another fingerprint is another split, whose scores are others."""
    nodes = np.arange(600)
    ring = csr_matrix((np.ones(600), (nodes, (nodes + 1) % 600)), shape=(600, 600))
    content = {f"{name}_{part}": value for name in ("adj", "attr") for part, value in parts(ring).items()}
    write(tmp_path, content | {"labels": nodes % CLASSES})
    task = build(tmp_path)
    assert task.split("train")[:6].tolist() == [13, 14, 15, 19, 21, 23]
    assert task.fingerprint[:16] == "98bc057b2d28035a"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", ["{name}/raw", "{pyg}/raw", "."])
def test_files_are_found_as_others_lay_them_out(tmp_path: Path, name: str, place: str) -> None:
    pyg = {"amazon-computers": "Computers", "amazon-photo": "Photo", "coauthor-cs": "CS", "coauthor-physics": "Physics"}
    classes = catalog.facts(name).outputs
    here = write(tmp_path / "here", tiny(70 * classes, classes=classes), name)
    there = tmp_path / "there" / place.format(name=name, pyg=pyg[name])
    there.mkdir(parents=True)
    shutil.copy(here, there)
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    assert build(tmp_path / "here", name).fingerprint == build(tmp_path / "there", name).fingerprint
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_missing_file_names_every_place(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        build(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/amazon-photo/raw/amazon_electronics_photo.npz is missing; `gnn_benchmark_root` must hold "
        f"amazon-photo in {tmp_path}/amazon-photo/raw, {tmp_path}/Photo/raw or {tmp_path}"
    )


@pytest.mark.parametrize(
    ("name", "published"),
    {
        "amazon-computers": (767, 10),
        "amazon-photo": (745, 8),
        "coauthor-cs": (6805, 15),
        "coauthor-physics": (8415, 5),
    }.items(),
)
def test_facts_are_the_published_ones(tmp_path: Path, name: str, published: tuple[int, int]) -> None:
    """Shchur et al. 2018, table 1; a file that holds others is refused."""
    facts = catalog.facts(name)
    assert (facts.features, facts.outputs) == published
    write(tmp_path, tiny(70 * facts.outputs, classes=facts.outputs), name)
    with pytest.raises(UserError, match=f"{name}: features: the raw files hold 12, but {facts.features} belongs there"):
        catalog.build(name, {"gnn_benchmark_root": str(tmp_path)})


def test_a_file_is_downloaded_once_and_half_a_one_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "server", tiny())
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def fetch(file: str, folder: Path) -> None:
        asked.append(file)
        content = source.read_bytes()
        (folder / file).write_bytes(content if len(asked) > 1 else content[:-100])

    monkeypatch.setattr(gnn_benchmark, "fetch", fetch)
    task = gnn_benchmark.build(NAME, {}).finish()
    assert asked == [FILES[NAME]] * 2
    assert gnn_benchmark.build(NAME, {}).finish().fingerprint == task.fingerprint
    assert len(asked) == 2
    assert [path.name for path in (tmp_path / "data" / "raw" / NAME).iterdir()] == ["raw"]


def test_the_download_goes_where_pytorch_geometric_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_geometric.datasets import Amazon, Coauthor

    calls: list[tuple[str, str]] = []
    monkeypatch.setattr("torch_geometric.io.fs.cp", lambda source, folder: calls.append((source, folder)))
    for file in FILES.values():
        gnn_benchmark.fetch(file, tmp_path)
    assert calls == [
        (f"https://github.com/shchur/gnn-benchmark/raw/master/data/npz/{f}", str(tmp_path)) for f in FILES.values()
    ]
    for kind, name in ((Amazon, "computers"), (Amazon, "photo"), (Coauthor, "CS"), (Coauthor, "Physics")):
        known = kind.__new__(kind)
        known.name = name
        assert f"{kind.url}{known.raw_file_names}" in [source for source, _ in calls]
