"""Broken and hostile raw files of every reader: each is refused in one line that names the file."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tests.workflow.datasets.ogb_files import build, change, cut
from tests.workflow.datasets.parts.test_ogb_raw import Server, empty  # noqa: F401 (a fixture)
from tests.workflow.datasets.test_planetoid import KNOWN, TEST, Bomb, write_tiny
from workflow import catalog
from workflow.datasets import planetoid
from workflow.datasets.parts import moleculeace
from workflow.errors import UserError

Damage = Callable[[Path], Any]


def lines(edit: Callable[[list[bytes]], list[bytes]]) -> Damage:
    """Changes the lines of a gzipped file."""
    return lambda path: path.write_bytes(
        gzip.compress(b"\n".join(edit(gzip.decompress(path.read_bytes()).split(b"\n"))))
    )


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


EVERY: dict[str, Damage] = {
    "cut short": cut,
    "empty": lambda path: path.write_bytes(b""),
    "not gzip": lambda path: path.write_bytes(b"1,2\n3,4\n"),
    "a zip": lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 60),
    "gzip of nothing": lambda path: path.write_bytes(gzip.compress(b"")),
    "gzip of bytes": lambda path: path.write_bytes(gzip.compress(bytes(range(256)))),
    "a flipped byte": lambda path: path.write_bytes(path.read_bytes()[:-6] + b"\xff" + path.read_bytes()[-5:]),
    "missing": Path.unlink,
    "a folder": folder,
    "a link to itself": loop,
    "a header": lines(lambda rows: [b"a,b"[: 1 + 2 * (b"," in rows[0])], *rows]),
    "one column more": lines(lambda rows: [row + b",1" if row else row for row in rows]),
    "text": lines(lambda rows: [*rows[:3], b"abc" + rows[3], *rows[4:]] if len(rows) > 4 else [b"abc", b""]),
    "a fraction": lines(lambda rows: [b"0.5" + rows[0], *rows[1:]]),
    "a negative number": lines(lambda rows: [b"-7" + rows[0].lstrip(b"0123456789"), *rows[1:]]),
    "70 bits": lines(lambda rows: [str(2**70).encode() + rows[0].lstrip(b"0123456789"), *rows[1:]]),
    "a row less": lines(lambda rows: rows[1:]),
    "a row more": lines(lambda rows: [rows[0], *rows]),
}
NUMBERS = {
    "ogbn_arxiv": ("raw/edge", "raw/node-label", "raw/num-node-list", "raw/num-edge-list", "split/time/valid"),
    "ogbg_moltox21": (
        *("raw/edge", "raw/edge-feat", "raw/node-feat", "raw/num-node-list", "raw/num-edge-list"),
        *("raw/graph-label", "split/scaffold/test"),
    ),
    "ogbn_mag": (
        *("raw/relations/author___writes___paper/edge", "raw/relations/author___writes___paper/num-edge-list"),
        *("raw/node-label/paper/node-label", "split/time/paper/train"),
    ),
}
CASES = [
    (dataset, file, fault)
    for dataset, files in NUMBERS.items()
    for file in files
    for fault in EVERY
    if not (file.startswith("split/") and fault == "a row less")  # no fault: one item less to score
]


def refusal(dataset: str, root: Path) -> str:
    with pytest.raises(UserError) as caught:
        build(dataset.replace("_", "-"), root)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(("dataset", "file", "fault"), CASES)
def test_a_broken_ogb_file_is_refused(tiny: Path, tmp_path: Path, dataset: str, file: str, fault: str) -> None:
    shutil.copytree(tiny / dataset, tmp_path / dataset)
    EVERY[fault](tmp_path / dataset / f"{file}.csv.gz")
    message = refusal(dataset, tmp_path)
    own = Path(file).name
    twice = fault == "a row more" and file.startswith("split/")  # the same item in a part twice
    assert f"{own}.csv.gz" in message or (twice and "split/" in message and " twice" in message), message


@pytest.mark.parametrize(
    ("dataset", "file", "damage", "message"),
    [
        ("ogbn_arxiv", "raw/edge", change(5, 1, 300), "an edge names node 300"),
        ("ogbn_arxiv", "raw/num-node-list", change(0, 0, 301), "node-feat.csv.gz: has 300 rows, but there are 301"),
        ("ogbn_arxiv", "raw/num-node-list", change(0, 0, 299), "edge.csv.gz: an edge names node 299, but"),
        ("ogbn_arxiv", "raw/num-edge-list", change(0, 0, 899), "has 900 edges, but num-edge-list.csv.gz says 899"),
        ("ogbn_arxiv", "raw/num-node-list", lines(lambda rows: [b"150", b"150", b""]), "must hold one number"),
        ("ogbn_arxiv", "raw/node-feat", change(7, 3, np.nan), "row 7 has values that are not finite"),
        ("ogbn_arxiv", "raw/node-feat", lines(lambda rows: [*rows[:-1], rows[0], b""]), "has 301 rows, but there are"),
        ("ogbn_arxiv", "raw/node-feat", lines(lambda r: [row.rpartition(b",")[0] for row in r]), "[300, 127]"),
        ("ogbg_moltox21", "raw/num-node-list", change(3, 0, 5), "node-feat.csv.gz: has 133 nodes, but num-node-list"),
        ("ogbg_moltox21", "raw/num-edge-list", change(3, 0, 5), "edge.csv.gz: has 133 edges, but num-edge-list"),
        ("ogbg_moltox21", "raw/edge-feat", lines(lambda rows: rows[1:]), "has 132 edges, but num-edge-list"),
        ("ogbg_moltox21", "raw/node-feat", change(0, 0, 119), "categories must be whole numbers from 0 to below 119"),
        ("ogbg_moltox21", "raw/graph-label", change(0, 0, 2), "labels must be 0, 1 or empty"),
        ("ogbn_mag", "raw/num-node-dict", lines(lambda rows: [rows[0], b"90,-1,7,120", b""]), "must hold the numbers"),
        ("ogbn_mag", "raw/num-node-dict", lines(lambda rows: [b"a,b,c,d", *rows[1:]]), "num-node-dict.csv.gz"),
        ("ogbn_mag", "raw/triplet-type-list", lines(lambda rows: [b"a,b,c", *rows[1:]]), "ogbn_mag"),
    ],
)
def test_files_that_contradict_each_other_are_refused(
    tiny: Path, tmp_path: Path, dataset: str, file: str, damage: Damage, message: str
) -> None:
    shutil.copytree(tiny / dataset, tmp_path / dataset)
    damage(tmp_path / dataset / f"{file}.csv.gz")
    if message == "[300, 127]":  # the file itself is whole; the catalogue knows better
        with pytest.raises(UserError, match="ogbn-arxiv: features: the raw files hold 127, but 128 belongs there"):
            catalog.build("ogbn-arxiv", {"ogb_root": str(tmp_path)})
        return
    assert message in refusal(dataset, tmp_path)


@pytest.mark.parametrize("name", ["ogbn-arxiv", "ogbg-moltox21"])
def test_a_test_part_of_one_class_is_refused(tiny: Path, tmp_path: Path, name: str) -> None:
    own = name.replace("-", "_")
    shutil.copytree(tiny / own, tmp_path / own)
    file = "raw/node-label" if name == "ogbn-arxiv" else "raw/graph-label"
    lines(lambda rows: [b",".join([b"1"] * len(row.split(b","))) if row else row for row in rows])(
        tmp_path / own / f"{file}.csv.gz"
    )
    message = refusal(own, tmp_path)
    assert message.startswith(f"{name}: split/train: ") and ("class 1" in message or "0 negative labels" in message)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny / "ogbn_arxiv", tmp_path / "ogbn_arxiv")
    (tmp_path / "ogbn_arxiv" / "raw" / "edge.csv.gz").chmod(0)
    assert "edge.csv.gz" in refusal("ogbn_arxiv", tmp_path)
    (tmp_path / "ogbn_arxiv").chmod(0)
    assert "ogbn_arxiv" in refusal("ogbn_arxiv", tmp_path)
    (tmp_path / "ogbn_arxiv").chmod(0o755)


@pytest.mark.parametrize("member", ["../../../evil", "/tmp/evil-of-abkd", "arxiv/../../../../evil", "..\\..\\evil"])
def test_an_archive_writes_nothing_outside_its_folder(
    tiny: Path,
    empty: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    member: str,
) -> None:
    """OGB unpacks with `ZipFile.extractall`, which drops `..` and roots, into a temporary folder."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for path in (tiny / "ogbn_arxiv").rglob("*"):
            file.write(path, Path("arxiv") / path.relative_to(tiny / "ogbn_arxiv"))
        file.writestr(member, "it escaped")
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", Server(content.getvalue()))
    assert catalog.build("ogbn-arxiv", {}).fingerprint == build("ogbn-arxiv", tiny).fingerprint
    assert [path.name for path in empty.iterdir()] == ["ogbn_arxiv"]
    assert [path.name for path in empty.parent.parent.iterdir()] == ["data"]
    assert not list(empty.parent.parent.parent.glob("*evil*")) and not Path("/tmp/evil-of-abkd").exists()


def repickled(change: Callable[[Any], Any]) -> Damage:
    return lambda path: path.write_bytes(pickle.dumps(change(pickle.loads(path.read_bytes())), protocol=4))


def overwritten(**attributes: Any) -> Damage:
    def apply(matrix: csr_matrix) -> csr_matrix:
        matrix.__dict__.update(attributes)
        return matrix

    return repickled(apply)


PLANETOID: list[tuple[str, str, Damage]] = [
    *(("empty", file, lambda path: path.write_bytes(b"")) for file in planetoid.FILES),
    *(("a folder", file, folder) for file in planetoid.FILES),
    *(("missing", file, Path.unlink) for file in planetoid.FILES),
    *(("text", file, lambda path: path.write_text("no pickle")) for file in planetoid.FILES),
    *(("a number", file, lambda path: path.write_bytes(pickle.dumps(3))) for file in planetoid.FILES[:-1]),
    *(("cut", file, lambda path: path.write_bytes(path.read_bytes()[:-20])) for file in planetoid.FILES[:-1]),
    *(("a class", file, lambda path: path.write_bytes(pickle.dumps(Path("x")))) for file in planetoid.FILES[:-1]),
    ("columns", "tx", repickled(lambda matrix: matrix[:, :1])),
    ("columns", "ty", repickled(lambda matrix: matrix[:, :1])),
    ("two classes", "ally", repickled(np.ones_like)),
    ("no class of 1", "ty", repickled(lambda matrix: matrix * 2)),
    ("text", "ty", repickled(lambda matrix: matrix.astype(str))),
    ("objects", "ty", repickled(lambda matrix: matrix.astype(object))),
    ("one row", "ty", repickled(lambda matrix: matrix[0])),
    ("no rows", "y", repickled(lambda matrix: matrix[:0])),
    ("a billion rows", "allx", overwritten(_shape=(10**9, 20))),
    ("a shape of text", "allx", overwritten(_shape=("a", 20))),
    ("its own check", "allx", overwritten(check_format=dict, indices=np.array([7] * 3))),
    ("indices", "tx", overwritten(indices=np.full(10, 10**6))),
    ("no graph", "graph", repickled(list)),
    ("a node of text", "graph", repickled(lambda graph: {**graph, 0: ["1"]})),
    ("half a node", "graph", repickled(lambda graph: {**graph, 0: [0.5]})),
    ("nodes of text", "graph", repickled(lambda graph: {"a": [1]})),
    ("a negative node", "graph", repickled(lambda graph: {**graph, 0: [-1]})),
    ("a node beyond", "graph", repickled(lambda graph: {**graph, 0: [KNOWN + TEST]})),
    ("a node of 70 bits", "graph", repickled(lambda graph: {**graph, 0: [2**70]})),
    ("others that are no list", "graph", repickled(lambda graph: {**graph, 0: 3})),
    ("a fraction", "test.index", lambda path: path.write_text("1.5\n")),
    ("negative", "test.index", lambda path: path.write_text("-1\n" * TEST)),
    ("far away", "test.index", lambda path: path.write_text("\n".join(map(str, range(10**12, 10**12 + TEST))))),
    ("two columns", "test.index", lambda path: path.write_text("1 2\n" * TEST)),
    ("twice", "test.index", lambda path: path.write_text(f"{KNOWN}\n" * TEST)),
]


@pytest.mark.parametrize(
    ("fault", "file", "damage"), PLANETOID, ids=[f"{file}: {fault}" for fault, file, _ in PLANETOID]
)
def test_a_broken_planetoid_file_is_refused(tmp_path: Path, fault: str, file: str, damage: Damage) -> None:
    raw = write_tiny(tmp_path, "cora", 7)
    damage(raw / f"ind.cora.{file}")
    with pytest.raises(UserError) as caught:
        planetoid.build("cora", {"planetoid_root": str(tmp_path)})
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and f"ind.cora.{file}" in message, message


@pytest.mark.parametrize("function", [os.system, os.popen, os.remove, shutil.rmtree, exec, csr_matrix.__getattribute__])
@pytest.mark.parametrize("file", planetoid.FILES[:-1])
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, file: str, function: Any) -> None:
    raw = write_tiny(tmp_path, "cora", 7)
    mark = tmp_path / "mark"
    mark.write_text("here")
    argument = {os.system: f"touch {tmp_path}/ran", os.popen: f"touch {tmp_path}/ran"}.get(function, str(mark))
    (raw / f"ind.cora.{file}").write_bytes(pickle.dumps(Bomb(function, argument), protocol=2))
    with pytest.raises(UserError, match=rf"ind\.cora\.{file}: refused: the pickle names"):
        planetoid.build("cora", {"planetoid_root": str(tmp_path)})
    assert mark.exists() and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "smiles,y\nC,1\n",
        "smiles,exp_mean [nM],y\nC,abc,1\n",
        "smiles,exp_mean [nM],y\nC\n",
        "smiles,exp_mean [nM],y\nC,nan,1\n",
        "smiles,exp_mean [nM],y\nC,-3,1\n",
        "smiles,exp_mean [nM],y\nC,inf,1\n",
        "smiles,exp_mean [nM],y\nC,1,1\nC,1,1\n",
        "smiles,exp_mean [nM],y\n" + "C" * 200_000 + ",1,1\n",
        b"smiles,exp_mean [nM],y\nC\xff,1,1\n",
        b"smiles,exp_mean [nM],y\nC\x00,1,1\n",
    ],
)
def test_a_broken_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    files = [*moleculeace._files()[1:3], path]
    monkeypatch.setattr(moleculeace, "_files", lambda: files)
    with pytest.raises(UserError, match=r"reinstall MoleculeACE==3\.0\.0") as caught:
        catalog.build("ace-mol-mini", {})
    assert len(str(caught.value).splitlines()) == 1
