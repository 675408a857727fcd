"""Where raw files may lie: as each project that ships them lays them out; what is missing names every place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workflow.datasets.ogb_files import build, snapshot
from tests.workflow.datasets.ogb_layout import shared_data
from tests.workflow.datasets.test_planetoid import write_tiny
from workflow import catalog
from workflow.datasets import planetoid
from workflow.errors import UserError


@pytest.mark.parametrize("name", ["cora", "citeseer", "pubmed"])
@pytest.mark.parametrize("place", ["{name}/raw", "{title}/raw", "{upper}/raw", "."])
def test_planetoid_is_found_as_others_lay_it_out(tmp_path: Path, name: str, place: str) -> None:
    facts = catalog.facts(name)
    here = write_tiny(tmp_path / "here", name, facts.outputs)
    there = tmp_path / "there" / place.format(name=name, title=facts.title, upper=name.upper())
    shutil.copytree(here, there)
    before = snapshot(tmp_path)
    found = [planetoid.build(name, {"planetoid_root": str(tmp_path / root)}).finish() for root in ("here", "there")]
    assert found[0].fingerprint == found[1].fingerprint
    assert snapshot(tmp_path) == before


def test_real_cora_as_pytorch_geometric_lays_it_out(tmp_path: Path) -> None:
    (tmp_path / "Cora").symlink_to(shared_data("planetoid") / "cora")
    assert catalog.build("cora", {"planetoid_root": str(tmp_path)}).fingerprint[:16] == "f1bb013723106904"


def test_what_planetoid_lacks_names_every_place(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        planetoid.build("citeseer", {"planetoid_root": str(tmp_path)})
    assert str(caught.value) == (
        f"{tmp_path}/citeseer/raw/ind.citeseer.x is missing; `planetoid_root` must hold citeseer in "
        f"{tmp_path}/citeseer/raw, {tmp_path}/CiteSeer/raw or {tmp_path}"
    )
    shutil.move(write_tiny(tmp_path / "other", "citeseer", 6), tmp_path / "CiteSeer" / "raw")
    (tmp_path / "CiteSeer" / "raw" / "ind.citeseer.ally").unlink()
    with pytest.raises(UserError, match=r"^\S+/CiteSeer/raw/ind\.citeseer\.ally is missing"):
        planetoid.build("citeseer", {"planetoid_root": str(tmp_path)})


@pytest.mark.parametrize("suffix", ["", "_pyg", "_dgl"])
@pytest.mark.parametrize("name", ["ogbn-arxiv", "ogbg-moltox21"])
def test_ogb_is_found_under_its_old_names(tiny: Path, tmp_path: Path, name: str, suffix: str) -> None:
    own = name.replace("-", "_")
    shutil.copytree(tiny / own, tmp_path / f"{own}{suffix}")
    assert build(name, tmp_path).fingerprint == build(name, tiny).fingerprint


def test_what_ogb_lacks_names_every_place(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        build("ogbn-arxiv", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/ogbn_arxiv/RELEASE_v1.txt is missing; `ogb_root` must hold OGB's own files in "
        f"{tmp_path}/ogbn_arxiv or {tmp_path}/ogbn_arxiv_pyg or {tmp_path}/ogbn_arxiv_dgl"
    )
    shutil.copytree(tiny / "ogbn_arxiv", tmp_path / "ogbn_arxiv_pyg")
    (tmp_path / "ogbn_arxiv_pyg" / "raw" / "edge.csv.gz").unlink()
    with pytest.raises(UserError, match=r"^\S+/ogbn_arxiv_pyg/raw/edge\.csv\.gz is missing"):
        build("ogbn-arxiv", tmp_path)


@pytest.mark.parametrize("root", ["a" * 300, "a/" * 3000, "file", "file/below", "~nobody-of-this-name/x", "a\0b"])
@pytest.mark.parametrize(
    ("name", "key"), [("cora", "planetoid_root"), ("ogbn-arxiv", "ogb_root"), ("amazon-photo", "gnn_benchmark_root")]
)
def test_a_root_that_is_none_is_one_line(tmp_path: Path, name: str, key: str, root: str) -> None:
    (tmp_path / "file").write_text("")
    place = root if root.startswith("~") else f"{tmp_path}/{root}"
    with pytest.raises(UserError) as caught:
        catalog.build(name, {key: place})
    assert "\n" not in str(caught.value)
