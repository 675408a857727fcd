"""OGB's node datasets: official files read as they are, every broken one named in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.workflow.datasets.ogb_files import assert_named, build, change, cut, drop_last, plain
from tests.workflow.datasets.ogb_layout import TINY_MAG_COUNTS
from workflow import catalog
from workflow.datasets import ogb_node
from workflow.datasets.parts import ogb_raw
from workflow.datasets.parts.csr import expand
from workflow.errors import UserError
from workflow.task import SPLITS, Task

ARXIV, PROTEINS, MAG = "ogbn_arxiv", "ogbn_proteins", "ogbn_mag"
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
    *((PROTEINS, f"raw/{file}.csv.gz", cut) for file in ogb_node.WITHOUT_FEATURES),
    (PROTEINS, "raw/edge-feat.csv.gz", Path.unlink),
    (PROTEINS, "raw/edge-feat.csv.gz", change(7, 3, np.nan)),
    (PROTEINS, "raw/edge-feat.csv.gz", change(7, 3, "abc")),
    (PROTEINS, "raw/edge-feat.csv.gz", drop_last),
    (PROTEINS, "raw/edge.csv.gz", drop_last),
    (PROTEINS, "raw/node-label.csv.gz", change(9, 0, 2)),
    (PROTEINS, "raw/node-label.csv.gz", drop_last),
    (PROTEINS, "split/species/valid.csv.gz", Path.unlink),
    (MAG, f"{WRITES}/edge.csv.gz", cut),
    (MAG, f"{WRITES}/edge.csv.gz", change(0, 1, 120)),
    (MAG, f"{WRITES}/edge.csv.gz", drop_last),
    (MAG, f"{WRITES}/num-edge-list.csv.gz", Path.unlink),
    (MAG, "raw/triplet-type-list.csv.gz", drop_last),
    (MAG, "raw/node-feat/paper/node-feat.csv.gz", change(7, 3, np.inf)),
    (MAG, "raw/node-label/paper/node-label.csv.gz", change(0, 0, 349)),
    (MAG, "split/time/paper/test.csv.gz", Path.unlink),
    (MAG, "RELEASE_v2.txt", Path.unlink),
]


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


def test_nodes_without_features_have_the_mean_of_their_edges(tiny: Path) -> None:
    task = catalog.build("ogbn-proteins", {"ogb_root": str(tiny)})
    raw = tiny / PROTEINS / "raw"
    edges, strengths = plain(raw / "edge.csv.gz"), plain(raw / "edge-feat.csv.gz")
    for node, features in enumerate(task.arrays["features"]):
        own = (edges == node).any(axis=1)
        both_ends = np.concatenate([strengths[edges[:, end] == node] for end in (0, 1)])
        assert features == pytest.approx(both_ends.mean(axis=0) if own.any() else np.zeros(8), abs=1e-6)
    assert task.arrays["features"].dtype == np.float32
    assert (task.kind, task.objective, task.metric) == ("node", "binary", "rocauc")
    assert np.array_equal(task.labels, plain(raw / "node-label.csv.gz"))
    assert task.labels.dtype == np.float32 and task.labels.shape == (150, 112)
    found = set(zip(task.arrays["sources"].tolist(), expand(task.arrays["pointers"]).tolist(), strict=True))
    listed = {(a, b) for a, b in edges.tolist() if a != b}
    assert found == listed | {(b, a) for a, b in listed}
    for part in SPLITS:
        assert np.array_equal(task.split(part), plain(tiny / PROTEINS / "split" / "species" / f"{part}.csv.gz")[:, 0])


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
    with pytest.raises(UserError, match=r"ogbn-mag: info: the raw files hold .* belongs there"):
        catalog.build("ogbn-mag", {"ogb_root": str(tiny)})


def pairs(task: Task, name: str) -> set[tuple[int, int]]:
    pointers, sources = (task.arrays[f"relation/{name}/{part}"] for part in ("pointers", "sources"))
    return set(zip(sources.tolist(), expand(pointers).tolist(), strict=True))


def test_the_catalogue_agrees_with_ogb() -> None:
    for name, facts in ogb_node.NAMES.items():
        meta = ogb_raw.master("nodeproppred")[name]
        assert int(meta["num classes" if facts.objective == "multiclass" else "num tasks"]) == facts.outputs
        assert {"acc": "accuracy"}.get(meta["eval metric"], meta["eval metric"]) == facts.metric
        assert (meta["is hetero"] == "True") == (facts.kind == "heterogeneous")


@pytest.mark.parametrize(("dataset", "file", "damage"), FAULTS)
def test_a_damaged_file_is_named_in_one_line(
    tiny: Path, tmp_path: Path, no_questions: None, dataset: str, file: str, damage: Callable[[Path], None]
) -> None:
    assert_named(tiny, tmp_path, dataset, file, damage)


def test_overlapping_splits_are_refused(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny / ARXIV, tmp_path / ARXIV)
    split = tmp_path / ARXIV / "split" / "time"
    shutil.copy(split / "valid.csv.gz", split / "test.csv.gz")
    with pytest.raises(UserError, match="overlap"):
        build("ogbn-arxiv", tmp_path)
