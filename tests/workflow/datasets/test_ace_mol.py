"""`ace-mol`: the graphs of OGB's own reader, labels of the files."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import pandas as pd

from workflow.datasets import ace_mol
from workflow.datasets.parts import moleculeace
from workflow.task import Task

# A change here is a change of the data and of every number reported on them.
MINI = "b0eb49d41e3fae849b58add93b8a8d66daa366befbe7ea4deeac99e81a818504"


def test_the_fingerprint_is_the_recorded_one(mol: Task) -> None:
    assert mol.fingerprint == MINI


def test_graphs_are_ogbs_and_labels_the_files(mol: Task) -> None:
    from ogb.utils import smiles2graph

    measured = moleculeace.read()
    arrays = mol.arrays
    assert len(mol.labels) == 3_000 == len(arrays["node_pointers"]) - 1
    for i in (0, 1, 1_500, 2_999):
        graph = smiles2graph(measured.smiles[i])
        nodes, links = (slice(*arrays[f"{kind}_pointers"][i : i + 2]) for kind in ("node", "edge"))
        assert np.array_equal(arrays["features"][nodes], graph["node_feat"])
        assert np.array_equal(arrays["edge_features"][links], graph["edge_feat"])
        assert np.array_equal(arrays["edge_index"][:, links] - nodes.start, graph["edge_index"])
    nanomolar = measured.nanomolar[:3_000]
    assert np.array_equal(np.isnan(mol.labels), np.isnan(nanomolar))
    assert np.array_equal(mol.labels == 1, nanomolar <= 100)
    for part, least in (("train", 30), ("valid", 27), ("test", 29)):  # tasks that have both classes
        labels = mol.labels[mol.split(part)]
        assert ((np.nansum(labels, 0) > 0) & (np.nansum(1 - labels, 0) > 0)).sum() == least


def test_potency_is_that_of_the_column_y() -> None:
    """`y` = -log10(exp_mean [nM]), so that 100 nM is a pKi or pEC50 of 7."""
    path = metadata.distribution("MoleculeACE").locate_file(f"{moleculeace.FOLDER}/CHEMBL204_Ki.csv")
    frame = pd.read_csv(path)
    measured = moleculeace.read()
    column = moleculeace.TARGETS.index("CHEMBL204_Ki")
    own = dict(zip(measured.smiles, measured.nanomolar[:, column].tolist(), strict=True))
    potent = [own[text] <= ace_mol.POTENT for text in frame["smiles"]]
    assert potent == (frame["y"] + 9 >= 7).tolist()
