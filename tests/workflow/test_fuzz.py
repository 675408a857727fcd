"""Random damage to configurations and raw files: what is well is read, all else is one line of a UserError."""

from __future__ import annotations

import copy
import datetime
import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflow.datasets import gnn_benchmark_files
from tests.workflow.datasets.conftest import tiny  # noqa: F401 (a fixture)
from tests.workflow.datasets.ogb_files import build
from tests.workflow.datasets.test_planetoid import write_tiny
from tests.workflow.samples import GOOD
from workflow.config import complete, load
from workflow.datasets import planetoid
from workflow.errors import UserError
from workflow.schemas.configuration import Configuration
from workflow.task import Task

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
FUZZ = settings(deadline=None, derandomize=True, database=None, suppress_health_check=CHECKS)


def fuzz(examples: int) -> settings:
    """So many examples, the same ones every time."""
    return settings(FUZZ, max_examples=examples)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.binary(max_size=4),
    st.dates(),
    st.sampled_from([10**400, datetime.datetime(2020, 1, 1), "kd", "gcn", "ace-mol-mini", "cpu", "big", 4, 0.5]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3), max_leaves=6
)
KEYS = [*sorted(Configuration.model_fields), "model", "method", "epochs", "x", 1, None]
OGB = {
    "ogbn-arxiv": ("raw/edge", "raw/node-feat", "raw/node-label", "raw/num-node-list", "raw/num-edge-list"),
    "ogbg-moltox21": ("raw/edge", "raw/node-feat", "raw/graph-label", "raw/num-node-list", "split/scaffold/train"),
    "ogbn-mag": ("raw/num-node-dict", "raw/triplet-type-list", "raw/relations/author___writes___paper/edge"),
}
BYTES = st.sampled_from([*b'0123456789-,.eE\n\r" a', 0, 255])


def places(node: Any) -> list[Any]:
    """Every mapping and list of a configuration that is not empty."""
    inner = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    return ([node] if inner else []) + [found for part in inner for found in places(part)]


def mutate(config: dict[str, Any], data: st.DataObject) -> None:
    """Takes away, replaces or adds one node."""
    found = places(config)
    if not found:
        return
    place = data.draw(st.sampled_from(found))
    key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
    action = data.draw(st.sampled_from(["delete", "replace", "insert"]))
    if action == "delete":
        del place[key]
    elif action == "replace":
        place[key] = data.draw(VALUES)
    elif isinstance(place, dict):
        place[data.draw(st.sampled_from(KEYS))] = data.draw(VALUES)
    else:
        place.insert(key, data.draw(VALUES))


def read(reader: Callable[[], Any], kind: type) -> None:
    """What is read is of that kind, or refused in one line."""
    try:
        assert isinstance(reader(), kind)
    except UserError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 2500


@fuzz(400)
@given(st.data())
def test_a_mutated_configuration(data: st.DataObject) -> None:
    config = copy.deepcopy(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(config, data)
    read(lambda: complete(config, "x.yaml"), Configuration)


@fuzz(200)
@given(st.data())
def test_a_damaged_file_of_a_configuration(tmp_path: Path, data: st.DataObject) -> None:
    text = damaged(yaml.safe_dump(GOOD, default_flow_style=data.draw(st.booleans())).encode(), data)
    (tmp_path / "x.yaml").write_bytes(text)
    read(lambda: load(tmp_path / "x.yaml"), Configuration)


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """The bytes with some of them changed, taken away or added, or cut short."""
    found = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(found) - 1)))
        action = data.draw(st.sampled_from(["change", "change", "change", "insert", "delete", "cut"]))
        found[place : len(found) if action == "cut" else place + (action != "insert")] = (
            bytes([data.draw(BYTES | st.integers(0, 255))]) if action in ("change", "insert") else b""
        )
    return bytes(found)


@pytest.mark.parametrize(("name", "file"), [(name, file) for name, files in OGB.items() for file in files])
def test_a_damaged_file_of_ogb(tiny: Path, tmp_path: Path, name: str, file: str) -> None:  # noqa: F811
    own = name.replace("-", "_")
    shutil.copytree(tiny / own, tmp_path / own)
    path = tmp_path / own / f"{file}.csv.gz"
    whole = path.read_bytes()

    @fuzz(20)
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        packed = data.draw(st.booleans())
        path.write_bytes(damaged(whole, data) if packed else gzip.compress(damaged(gzip.decompress(whole), data), 1))
        read(lambda: build(name, tmp_path), Task)

    attempt()


@pytest.mark.parametrize("file", planetoid.FILES)
def test_a_damaged_file_of_planetoid(tmp_path: Path, file: str) -> None:
    path = write_tiny(tmp_path, "cora", 7) / f"ind.cora.{file}"
    whole = path.read_bytes()

    @fuzz(60)
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        path.write_bytes(damaged(whole, data))
        read(lambda: planetoid.build("cora", {"planetoid_root": str(tmp_path)}).finish(), Task)

    attempt()


@pytest.mark.parametrize("array", ["adj_indptr", "adj_indices", "attr_data", "attr_shape", "labels", None])
def test_a_damaged_file_of_the_gnn_benchmark(tmp_path: Path, array: str | None) -> None:
    """Before it is packed, so that no checksum tells; None damages the archive itself."""
    path = gnn_benchmark_files.write(tmp_path, gnn_benchmark_files.tiny())
    packed = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    @fuzz(40)
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        if array is None:
            path.write_bytes(damaged(packed, data))
        else:
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in (members | {f"{array}.npy": damaged(members[f"{array}.npy"], data)}).items():
                    archive.writestr(name, content)
        read(lambda: gnn_benchmark_files.build(tmp_path), Task)

    attempt()
