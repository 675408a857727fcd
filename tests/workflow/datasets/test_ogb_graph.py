"""OGB's molecules: official files read as they are, every broken one named in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.workflow.datasets.ogb_files import assert_named, change, cut, drop_last, plain, snapshot
from tests.workflow.datasets.ogb_layout import shared_data
from workflow import catalog
from workflow.datasets import ogb_graph
from workflow.datasets.parts import ogb_raw
from workflow.task import SPLITS

TOX = "ogbg_moltox21"
FAULTS = [
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


def test_unmeasured_labels_stay_nan(tiny: Path) -> None:
    task = catalog.build("ogbg-moltox21", {"ogb_root": str(tiny)})
    assert task.labels.shape == (30, 12) and np.isnan(task.labels).sum() == 10


def test_the_catalogue_agrees_with_ogb() -> None:
    graph = {name for name in ogb_raw.master("graphproppred") if "mol" in name}
    assert set(ogb_graph.NAMES) == graph and len(graph) == 13
    known = {name: (f.objective, f.metric, f.outputs) for name, f in ogb_graph.NAMES.items()}
    assert known["ogbg-molpcba"] == ("binary", "ap", 128)
    assert known["ogbg-molhiv"] == ("binary", "rocauc", 1)
    assert known["ogbg-molesol"] == ("regression", "rmse", 1)


@pytest.mark.parametrize(("dataset", "file", "damage"), FAULTS)
def test_a_damaged_file_is_named_in_one_line(
    tiny: Path, tmp_path: Path, no_questions: None, dataset: str, file: str, damage: Callable[[Path], None]
) -> None:
    assert_named(tiny, tmp_path, dataset, file, damage)
