"""OGB's datasets: official files read as they are, never written to, and every broken file named in one line."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.ogb_layout import (
    TINY_MAG,
    TINY_MAG_COUNTS,
    shared_data,
    write_csv,
    write_graphs,
    write_mag,
    write_node,
)
from workflow import catalog
from workflow.datasets import ogb_graph, ogb_node
from workflow.datasets.parts import ogb_raw
from workflow.datasets.parts.csr import expand
from workflow.errors import UserError
from workflow.task import SPLITS, Task


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p.relative_to(root)): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(root.rglob("*"))}


def plain(path: Path) -> np.ndarray:
    return pd.read_csv(path, header=None).to_numpy()


@pytest.fixture
def no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("a question was asked on the terminal")

    monkeypatch.setattr("builtins.input", refuse)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OGB root with tiny ogbn-arxiv, ogbn-products, ogbn-mag and ogbg-moltox21."""
    root = tmp_path_factory.mktemp("ogb")
    write_node(root, "ogbn-arxiv", 300, 900, 128, 40)
    write_node(root, "ogbn-products", 200, 500, 100, 47, split="sales_ranking")
    write_mag(root, **TINY_MAG)
    labels = np.random.default_rng(0).integers(0, 2, size=(30, 12)).astype(float)
    labels[::3, 1] = np.nan
    write_graphs(root, "ogbg-moltox21", [3 + i % 4 for i in range(30)], labels)
    return root


def build(name: str, root: Path) -> Task:
    """Without the catalogue's comparison, which a tiny ogbn-mag cannot pass."""
    loader = ogb_node if name.startswith("ogbn") else ogb_graph
    return loader.build(name, {"ogb_root": str(root)}).finish()


@pytest.mark.parametrize(("name", "sizes"), [("ogbg-molbace", (1210, 151, 152)), ("ogbg-molbbbp", (1631, 204, 204))])
def test_real_files_equal_a_plain_parse(name: str, sizes: tuple[int, ...]) -> None:
    root = shared_data("ogb")
    before = snapshot(root)
    task = catalog.build(name, {"ogb_root": str(root)})
    assert snapshot(root) == before
    raw = root / name.replace("-", "_") / "raw"
    assert tuple(len(task.split(part)) for part in SPLITS) == sizes
    for part in SPLITS:
        assert np.array_equal(task.split(part), plain(raw.parent / "split" / "scaffold" / f"{part}.csv.gz")[:, 0])
    assert np.array_equal(task.labels, plain(raw / "graph-label.csv.gz").astype(np.float32))
    arrays = task.arrays
    assert np.array_equal(arrays["features"], plain(raw / "node-feat.csv.gz"))
    nodes, edges = (plain(raw / f"num-{kind}-list.csv.gz")[:, 0] for kind in ("node", "edge"))
    assert np.array_equal(np.diff(arrays["node_pointers"]), nodes)
    assert np.array_equal(np.diff(arrays["edge_pointers"]), 2 * edges)
    listed = plain(raw / "edge.csv.gz") + np.repeat(np.cumsum(nodes) - nodes, edges)[:, None]
    assert np.array_equal(arrays["edge_index"][:, 0::2].T, listed)
    assert np.array_equal(arrays["edge_index"][:, 1::2].T, listed[:, ::-1])
    features = plain(raw / "edge-feat.csv.gz")
    assert np.array_equal(arrays["edge_features"], np.repeat(features, 2, axis=0))


def test_real_files_have_recorded_fingerprints() -> None:
    root = {"ogb_root": str(shared_data("ogb"))}
    found = {name: catalog.build(name, root).fingerprint[:16] for name in ("ogbg-molbace", "ogbg-molbbbp")}
    assert found == {"ogbg-molbace": "b0c61c1507db9605", "ogbg-molbbbp": "5d3232de36b9415b"}


@pytest.mark.parametrize(("name", "split"), [("ogbn-arxiv", "time"), ("ogbn-products", "sales_ranking")])
def test_a_homogeneous_dataset(tiny: Path, name: str, split: str) -> None:
    task = catalog.build(name, {"ogb_root": str(tiny)})
    folder = tiny / name.replace("-", "_")
    edges = plain(folder / "raw" / "edge.csv.gz")
    wanted = {(a, b) for a, b in edges.tolist() if a != b} | {(b, a) for a, b in edges.tolist() if a != b}
    pointers, sources = task.arrays["pointers"], task.arrays["sources"]
    found = list(zip(sources.tolist(), expand(pointers).tolist(), strict=True))
    assert set(found) == wanted and len(found) == len(wanted)
    assert sources.dtype == pointers.dtype == np.int32
    assert task.arrays["features"] == pytest.approx(plain(folder / "raw" / "node-feat.csv.gz"), abs=1e-6)
    assert np.array_equal(task.labels, plain(folder / "raw" / "node-label.csv.gz")[:, 0])
    for part in SPLITS:
        assert np.array_equal(task.split(part), plain(folder / "split" / split / f"{part}.csv.gz")[:, 0])


def test_a_heterogeneous_dataset(tiny: Path) -> None:
    task = build("ogbn-mag", tiny)
    raw = tiny / "ogbn_mag" / "raw"
    assert task.info["counts"] == TINY_MAG_COUNTS
    assert task.info["features"] == {"paper": 128} and task.info["target"] == "paper"
    assert set(task.info) == set(catalog.facts("ogbn-mag").info)
    assert task.info["relations"] == catalog.facts("ogbn-mag").info["relations"]
    assert len(task.info["relations"]) == 7
    for source, name, target in ogb_node.MAG_RELATIONS:
        listed = plain(raw / "relations" / f"{source}___{name}___{target}" / "edge.csv.gz").tolist()
        forth = {(a, b) for a, b in listed}
        back = {(b, a) for a, b in listed}
        if source == target:
            assert pairs(task, f"{source}/{name}/{target}") == {(a, b) for a, b in forth | back if a != b}
        else:
            assert pairs(task, f"{source}/{name}/{target}") == forth
            assert pairs(task, f"{target}/rev_{name}/{source}") == back
    assert task.arrays["features/paper"].shape == (TINY_MAG_COUNTS["paper"], 128)
    assert np.array_equal(task.labels, plain(raw / "node-label" / "paper" / "node-label.csv.gz")[:, 0])
    with pytest.raises(UserError, match=r"ogbn-mag: the raw files hold .* belongs there"):
        catalog.build("ogbn-mag", {"ogb_root": str(tiny)})


def pairs(task: Task, name: str) -> set[tuple[int, int]]:
    pointers, sources = (task.arrays[f"relation/{name}/{part}"] for part in ("pointers", "sources"))
    return set(zip(sources.tolist(), expand(pointers).tolist(), strict=True))


def test_unmeasured_labels_stay_nan(tiny: Path) -> None:
    task = catalog.build("ogbg-moltox21", {"ogb_root": str(tiny)})
    assert task.labels.shape == (30, 12) and np.isnan(task.labels).sum() == 10


def test_a_given_root_is_never_written_to_nor_its_pickles_read(tiny: Path, tmp_path: Path, no_questions: None) -> None:
    root = tmp_path / "root"
    shutil.copytree(tiny, root)
    for name, split in (("ogbn_arxiv", "time"), ("ogbn_mag", "time"), ("ogbg_moltox21", "scaffold")):
        (root / name / "processed").mkdir()
        (root / name / "processed" / "data_processed").write_bytes(b"no pickle at all")
        (root / name / "split" / split / "split_dict.pt").write_bytes(b"no pickle at all")
    before = snapshot(root)
    for name in ("ogbn-arxiv", "ogbn-mag", "ogbg-moltox21"):
        assert build(name, root).fingerprint == build(name, tiny).fingerprint
    assert snapshot(root) == before


def test_the_catalogue_agrees_with_ogb() -> None:
    graph = {name for name in ogb_raw.master("graphproppred") if "mol" in name}
    assert set(ogb_graph.NAMES) == graph and len(graph) == 13
    for name, facts in ogb_node.NAMES.items():
        meta = ogb_raw.master("nodeproppred")[name]
        assert int(meta["num classes"]) == facts.outputs
        assert (meta["is hetero"] == "True") == (facts.kind == "heterogeneous")
    known = {name: (f.objective, f.metric, f.outputs) for name, f in ogb_graph.NAMES.items()}
    assert known["ogbg-molpcba"] == ("binary", "ap", 128)
    assert known["ogbg-molhiv"] == ("binary", "rocauc", 1)
    assert known["ogbg-molesol"] == ("regression", "rmse", 1)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-12])


def change(row: int, column: int, value: object) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        frame = pd.read_csv(path, header=None).astype(object)
        frame.iloc[row, column] = value
        write_csv(path, frame)

    return apply


def drop_last(path: Path) -> None:
    write_csv(path, pd.read_csv(path, header=None)[:-1])


ARXIV, MAG, TOX = "ogbn_arxiv", "ogbn_mag", "ogbg_moltox21"
WRITES = "raw/relations/author___writes___paper"
FAULTS = [
    *((ARXIV, f"raw/{file}.csv.gz", cut) for file in ogb_node.NODE_FILES),
    (ARXIV, "raw/node-feat.csv.gz", Path.unlink),
    (ARXIV, "raw/node-feat.csv.gz", change(7, 3, np.nan)),
    (ARXIV, "raw/node-feat.csv.gz", change(7, 3, "abc")),
    (ARXIV, "raw/node-feat.csv.gz", drop_last),
    (ARXIV, "raw/edge.csv.gz", change(5, 1, 300)),
    (ARXIV, "raw/edge.csv.gz", change(5, 0, -1)),
    (ARXIV, "raw/edge.csv.gz", change(5, 0, np.nan)),
    (ARXIV, "raw/edge.csv.gz", drop_last),
    (ARXIV, "raw/node-label.csv.gz", change(9, 0, 40)),
    (ARXIV, "raw/node-label.csv.gz", change(9, 0, "?")),
    (ARXIV, "raw/node-label.csv.gz", drop_last),
    (ARXIV, "split/time/valid.csv.gz", Path.unlink),
    (ARXIV, "split/time/valid.csv.gz", cut),
    (ARXIV, "split/time/valid.csv.gz", change(0, 0, 300)),
    (ARXIV, "RELEASE_v1.txt", Path.unlink),
    (MAG, f"{WRITES}/edge.csv.gz", cut),
    (MAG, f"{WRITES}/edge.csv.gz", change(0, 1, 120)),
    (MAG, f"{WRITES}/edge.csv.gz", drop_last),
    (MAG, f"{WRITES}/num-edge-list.csv.gz", Path.unlink),
    (MAG, "raw/triplet-type-list.csv.gz", drop_last),
    (MAG, "raw/node-feat/paper/node-feat.csv.gz", change(7, 3, np.inf)),
    (MAG, "raw/node-label/paper/node-label.csv.gz", change(0, 0, 349)),
    (MAG, "split/time/paper/test.csv.gz", Path.unlink),
    (MAG, "RELEASE_v2.txt", Path.unlink),
    *((TOX, f"raw/{file}.csv.gz", cut) for file in ogb_graph.RAW_FILES),
    (TOX, "raw/edge.csv.gz", change(4, 0, 4)),
    (TOX, "raw/edge.csv.gz", drop_last),
    (TOX, "raw/edge-feat.csv.gz", change(4, 0, 5)),
    (TOX, "raw/node-feat.csv.gz", change(4, 0, 119)),
    (TOX, "raw/node-feat.csv.gz", change(4, 0, 0.5)),
    (TOX, "raw/node-feat.csv.gz", drop_last),
    (TOX, "raw/graph-label.csv.gz", change(4, 0, 2)),
    (TOX, "raw/graph-label.csv.gz", change(4, 0, np.inf)),
    (TOX, "raw/graph-label.csv.gz", drop_last),
    (TOX, "split/scaffold/train.csv.gz", change(0, 0, 30)),
]


@pytest.mark.parametrize(("dataset", "file", "damage"), FAULTS)
def test_a_damaged_file_is_named_in_one_line(
    tiny: Path, tmp_path: Path, no_questions: None, dataset: str, file: str, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(tiny / dataset, tmp_path / dataset)
    damage(tmp_path / dataset / file)
    with pytest.raises(UserError) as caught:
        build(dataset.replace("_", "-"), tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(tmp_path / dataset / file)), message


def test_overlapping_splits_are_refused(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny / ARXIV, tmp_path / ARXIV)
    split = tmp_path / ARXIV / "split" / "time"
    shutil.copy(split / "valid.csv.gz", split / "test.csv.gz")
    with pytest.raises(UserError, match="overlap"):
        build("ogbn-arxiv", tmp_path)


class Server:
    """Stands in for OGB's server: answers with each of `replies` in turn, the last one for good."""

    def __init__(self, *replies: bytes | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[str] = []

    def __call__(self, url: str) -> io.BytesIO:
        self.asked.append(url)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        answer = io.BytesIO(reply)
        answer.info = lambda: {"Content-Length": 5 << 30}  # type: ignore[attr-defined]  # OGB would ask beyond 1 GB
        return answer


def archive(folder: Path, name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, Path(name) / path.relative_to(folder))
    return content.getvalue()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_questions: None) -> Path:
    """The working folder, without data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ogb.utils.url.tqdm", Quiet)
    return tmp_path / "data" / "raw"


class Quiet(list):
    def __init__(self, steps: range) -> None:
        super().__init__(steps[:9])

    def set_description(self, _: str) -> None:
        pass


def test_a_broken_download_is_fetched_again(tiny: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = archive(tiny / ARXIV, "arxiv")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    server = Server(whole[: len(whole) // 2], bytes(flipped), whole)
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", server)
    task = catalog.build("ogbn-arxiv", {})
    assert task.fingerprint == build("ogbn-arxiv", tiny).fingerprint
    assert server.asked == [ogb_raw.master("nodeproppred")["ogbn-arxiv"]["url"]] * 3
    assert [path.name for path in empty.iterdir()] == [ARXIV]  # no archive, no temporary folder
    catalog.build("ogbn-arxiv", {})
    assert len(server.asked) == 3  # what is whole stays


def test_half_a_folder_or_an_old_version_is_replaced(tiny: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny / ARXIV, empty / ARXIV)
    (empty / ARXIV / "raw" / "edge.csv.gz").unlink()
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", Server(archive(tiny / ARXIV, "arxiv")))
    catalog.build("ogbn-arxiv", {})
    (empty / ARXIV / "RELEASE_v1.txt").rename(empty / ARXIV / "RELEASE_v0.txt")
    catalog.build("ogbn-arxiv", {})
    assert [p.name for p in (empty / ARXIV).glob("RELEASE*")] == ["RELEASE_v1.txt"]


@pytest.mark.parametrize("reply", [OSError("no route to host"), b"<html>not found</html>", b""])
def test_a_download_that_fails_for_good_leaves_nothing(
    empty: Path, monkeypatch: pytest.MonkeyPatch, reply: bytes | Exception
) -> None:
    server = Server(reply)
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", server)
    with pytest.raises(UserError, match=r"could not download http://snap.*arxiv.zip .*ogb_root") as caught:
        catalog.build("ogbn-arxiv", {})
    assert "\n" not in str(caught.value)
    assert len(server.asked) == ogb_raw.DOWNLOAD_ATTEMPTS and list(empty.iterdir()) == []


def test_an_archive_without_its_split_is_refused(tiny: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny / ARXIV, empty.parent.parent / "half")
    (empty.parent.parent / "half" / "split" / "time" / "valid.csv.gz").unlink()
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", Server(archive(empty.parent.parent / "half", "arxiv")))
    with pytest.raises(UserError, match=r"the archive has no split/time/valid\.csv\.gz"):
        catalog.build("ogbn-arxiv", {})
    assert list(empty.iterdir()) == []


def test_an_interrupt_is_not_retried(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Server):
        def __call__(self, url: str) -> io.BytesIO:
            answer = super().__call__(url)
            answer.read = self.stop  # type: ignore[method-assign]
            return answer

        def stop(self, _: int) -> bytes:
            raise KeyboardInterrupt

    server = Interrupted(b"half")
    monkeypatch.setattr("ogb.utils.url.ur.urlopen", server)
    with pytest.raises(KeyboardInterrupt):
        catalog.build("ogbn-arxiv", {})
    assert len(server.asked) == 1


def test_gzip_of_text_is_not_mistaken_for_numbers(tmp_path: Path) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n"))
    with pytest.raises(UserError, match=r"train\.csv\.gz: has entries that are not numbers"):
        ogb_raw.table(path)
