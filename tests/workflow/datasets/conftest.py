"""Prepared small tasks, each made once, and tiny raw files in OGB's layout."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workflow.datasets.ogb_layout import TINY_MAG, write_graphs, write_mag, write_node, write_proteins
from workflow import catalog
from workflow.datasets.parts import moleculeace, similarity
from workflow.task import Task


@pytest.fixture(scope="package")
def one_reading() -> Iterator[None]:
    """Several fixtures and tests read the same molecules, 5 s each time, and compare all of them; once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            moleculeace, "fingerprints_and_scaffolds", functools.cache(moleculeace.fingerprints_and_scaffolds)
        )
        for name in ("similarity_graph", "principal_features"):
            patch.setattr(similarity, name, once(getattr(similarity, name)))
        yield


def once(function: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], Any]:
    """The function with its answers kept by the identity of what it was asked, which lives as long as they do."""
    kept: dict[int, tuple[np.ndarray, Any]] = {}

    def answer(bits: np.ndarray) -> Any:
        if id(bits) not in kept:
            kept[id(bits)] = bits, function(bits)
        return kept[id(bits)][1]

    return answer


@pytest.fixture(scope="package")
def sim(one_reading: None) -> Task:
    return catalog.build("ace-sim-mini", {})


@pytest.fixture(scope="package")
def het(one_reading: None) -> Task:
    return catalog.build("ace-het-mini", {})


@pytest.fixture(scope="package")
def mol() -> Task:
    return catalog.build("ace-mol-mini", {})


@pytest.fixture(scope="package")
def mini_molecules(one_reading: None) -> tuple[tuple[str, ...], np.ndarray, list[str]]:
    """SMILES, fingerprints and scaffolds of ace-sim-mini."""
    smiles = similarity.selection(mini=True)[0]
    return smiles, *moleculeace.fingerprints_and_scaffolds(smiles)


@pytest.fixture(scope="package")
def directions(mini_molecules: tuple) -> np.ndarray:
    return similarity.principal_directions(mini_molecules[1], similarity.DIMENSIONS)


@pytest.fixture
def no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("a question was asked on the terminal")

    monkeypatch.setattr("builtins.input", refuse)


@pytest.fixture(scope="package")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OGB root with tiny ogbn-arxiv, ogbn-products, ogbn-proteins, ogbn-mag and ogbg-moltox21."""
    root = tmp_path_factory.mktemp("ogb")
    write_node(root, "ogbn-arxiv", 300, 900, 128, 40)
    write_node(root, "ogbn-products", 200, 500, 100, 47, split="sales_ranking")
    write_proteins(root, 150, 700)
    write_mag(root, **TINY_MAG)
    labels = np.random.default_rng(0).integers(0, 2, size=(30, 12)).astype(float)
    labels[::3, 1] = np.nan
    write_graphs(root, "ogbg-moltox21", [3 + i % 4 for i in range(30)], labels)
    return root
