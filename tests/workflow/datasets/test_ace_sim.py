"""`ace-sim`: pinned content, the neighbours and the splits of its molecules."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata

import numpy as np
import pandas as pd
import pytest

from workflow.datasets.parts import moleculeace, similarity
from workflow.datasets.parts.csr import expand
from workflow.task import SPLITS, Task

# A change here is a change of the data and of every number reported on them.
MINI = "857c0d05684ea8542c72ddbd02cc795d0e77b24b0b321b567ba2c4a4710ac251"


def test_the_fingerprint_is_the_recorded_one(sim: Task) -> None:
    assert sim.fingerprint == MINI


def test_ace_sim_is_built_without_torch() -> None:
    code = (
        "import sys\nfrom workflow.datasets.parts import moleculeace, similarity\n"
        "bits, scaffolds = moleculeace.fingerprints_and_scaffolds(similarity.selection(True)[0][:300])\n"
        "similarity.principal_features(bits), similarity.similarity_graph(bits)\n"
        "moleculeace.scaffold_split(scaffolds)\n"
        "print([m for m in ('torch', 'ogb', 'MoleculeACE') if m in sys.modules])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "[]"


def test_labels_are_the_targets_of_the_files(sim: Task) -> None:
    smiles, labels = similarity.selection(mini=True)
    assert np.array_equal(sim.labels, labels)
    assert set(labels.tolist()) == set(range(30))
    distribution = metadata.distribution("MoleculeACE")
    frames = [pd.read_csv(distribution.locate_file(f"{moleculeace.FOLDER}/{t}.csv")) for t in moleculeace.TARGETS]
    homes: dict[str, list[int]] = {}
    for target, frame in enumerate(frames):
        for text in frame["smiles"]:
            homes.setdefault(text, []).append(target)
    assert all(homes[text] == [label] for text, label in zip(smiles, labels.tolist(), strict=True))
    assert sum(len(targets) == 1 for targets in homes.values()) == 26_126


def test_splits_share_out_whole_scaffolds(sim: Task, mini_molecules: tuple) -> None:
    scaffolds = np.array(mini_molecules[2])
    parts = [sim.split(part) for part in SPLITS]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(sim.labels)))
    assert [len(p) / len(sim.labels) for p in parts] == pytest.approx([0.8, 0.1, 0.1], abs=0.002)
    train, valid, test = (set(scaffolds[p].tolist()) for p in parts)
    assert not (train & valid or train & test or valid & test)
    for part in (parts[0], parts[2]):
        assert len(np.unique(sim.labels[part])) == 30


def assert_proper(pointers: np.ndarray, sources: np.ndarray, nodes: int) -> None:
    """Ascending sources without duplicates and self-loops, and the reverse of every edge."""
    assert pointers.dtype == sources.dtype == np.int32
    assert len(pointers) == nodes + 1 and pointers[-1] == len(sources)
    targets = expand(pointers)
    keys = targets * nodes + sources
    assert (np.diff(keys) > 0).all()
    assert (targets != sources).all()
    assert np.array_equal(np.sort(sources.astype(np.int64) * nodes + targets), keys)


def test_the_graph_is_symmetric_and_of_nearest_neighbours(sim: Task, mini_molecules: tuple) -> None:
    pointers, sources = sim.arrays["pointers"], sim.arrays["sources"]
    assert_proper(pointers, sources, len(sim.labels))
    bits = mini_molecules[1].astype(np.int64)
    for node in range(0, len(bits), 801):
        common = bits @ bits[node]
        similarity = common / (bits.sum(1) + bits[node].sum() - common)
        similarity[node] = -1
        eighth = np.sort(similarity)[-8]
        listed = sources[pointers[node] : pointers[node + 1]]
        assert set(np.flatnonzero(similarity > eighth)) <= set(listed.tolist())
        assert (similarity[listed] >= eighth).sum() >= 8
    homophily = (sim.labels[expand(pointers)] == sim.labels[sources]).mean()
    assert homophily == pytest.approx(0.766, abs=0.001)


def test_features_are_a_truncated_svd(sim: Task, mini_molecules: tuple, directions: np.ndarray) -> None:
    bits = mini_molecules[1].astype(np.float64)
    values = np.sqrt(np.linalg.eigvalsh(bits.T @ bits)[::-1][:128])
    features = sim.arrays["features"]
    assert features.shape == (len(bits), 128) and features.dtype == np.float32
    assert np.linalg.norm(bits @ directions, axis=0) == pytest.approx(values)
    assert np.abs(features - bits @ directions).max() < 0.03
    assert np.linalg.norm(features, axis=0) == pytest.approx(values, rel=2e-3)
    assert (directions[np.abs(directions).argmax(0), np.arange(128)] > 0).all()
