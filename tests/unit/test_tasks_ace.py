"""The embedded tasks: pinned content, exact neighbours, scaffold splits, and the same bits on every machine."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workflow import catalog
from workflow.datasets import ace_het, ace_mol
from workflow.datasets.parts import graphs, moleculeace, similarity
from workflow.datasets.parts.csr import both_ways, csr, expand, symmetric_csr
from workflow.errors import UserError
from workflow.task import SPLITS, Task

# A change here is a change of the data and of every number reported on them.
FINGERPRINTS = {
    "ace-sim": "834cfd0a02f3649be5044462b444fbefe00d747443f263d5503c12246499a943",
    "ace-sim-mini": "857c0d05684ea8542c72ddbd02cc795d0e77b24b0b321b567ba2c4a4710ac251",
    "ace-het": "e7d64745b87f5977e4877960e9e27feabf9595d5b08d9183e991f658001501a4",
    "ace-het-mini": "7396755c51e28400f579d40bc8e5b97b33a82c52f7b68ff950958f3572fa7400",
    "ace-mol": "bb31e370e162757f9a83ebd61b1b22a262fde2b0f6f1678de88d461eb58358cf",
    "ace-mol-mini": "b0eb49d41e3fae849b58add93b8a8d66daa366befbe7ea4deeac99e81a818504",
}


@pytest.fixture(scope="module", autouse=True)
def one_reading() -> Iterator[None]:
    """Three fixtures read the same molecules, 5 s each time; once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            moleculeace, "fingerprints_and_scaffolds", functools.cache(moleculeace.fingerprints_and_scaffolds)
        )
        yield


@pytest.fixture(scope="module")
def sim() -> Task:
    return catalog.build("ace-sim-mini", {})


@pytest.fixture(scope="module")
def het() -> Task:
    return catalog.build("ace-het-mini", {})


@pytest.fixture(scope="module")
def mol() -> Task:
    return catalog.build("ace-mol-mini", {})


@pytest.fixture(scope="module")
def mini_molecules() -> tuple[tuple[str, ...], np.ndarray, list[str]]:
    """SMILES, fingerprints and scaffolds of ace-sim-mini."""
    smiles = similarity.selection(mini=True)[0]
    return smiles, *moleculeace.fingerprints_and_scaffolds(smiles)


@pytest.fixture(scope="module")
def directions(mini_molecules: tuple) -> np.ndarray:
    return similarity.principal_directions(mini_molecules[1], similarity.DIMENSIONS)


def test_fingerprints_are_the_recorded_ones(sim: Task, het: Task, mol: Task) -> None:
    for task in (sim, het, mol):
        assert task.fingerprint == FINGERPRINTS[task.name], task.name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ace-sim", "ace-het", "ace-mol"])
def test_fingerprints_of_the_full_tasks(name: str) -> None:
    assert catalog.build(name, {}).fingerprint == FINGERPRINTS[name]


def test_the_catalogue_needs_no_heavy_import() -> None:
    heavy = ("torch", "rdkit", "ogb", "scipy", "pandas", "sklearn", "MoleculeACE")
    code = f"import sys, workflow.catalog as c; c.available(); print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


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


def test_the_mini_version_keeps_the_share_of_each_class() -> None:
    full, mini = (np.bincount(similarity.selection(m)[1], minlength=30) for m in (False, True))
    assert np.array_equal(mini, np.ceil(full * (similarity.MINI_MOLECULES / full.sum())))


@pytest.mark.slow
def test_no_molecule_is_written_in_two_ways() -> None:
    from rdkit import Chem

    smiles = moleculeace.read().smiles
    with moleculeace.quiet_rdkit():
        assert len({Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text in smiles}) == len(smiles) == 35_633


def test_splits_share_out_whole_scaffolds(sim: Task, mini_molecules: tuple) -> None:
    scaffolds = np.array(mini_molecules[2])
    parts = [sim.split(part) for part in SPLITS]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(sim.labels)))
    assert [len(p) / len(sim.labels) for p in parts] == pytest.approx([0.8, 0.1, 0.1], abs=0.002)
    train, valid, test = (set(scaffolds[p].tolist()) for p in parts)
    assert not (train & valid or train & test or valid & test)
    for part in (parts[0], parts[2]):
        assert len(np.unique(sim.labels[part])) == 30


def test_a_split_by_hand() -> None:
    scaffolds = ["b", "a", "a", "c", "a", "a", "a", "a", "b", "d"]  # 6 of a, 2 of b, one each of c and d
    split = moleculeace.scaffold_split(scaffolds)
    assert {name: ids.tolist() for name, ids in split.items()} == {
        "split/train": [0, 1, 2, 4, 5, 6, 7, 8],
        "split/valid": [3],
        "split/test": [9],
    }


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


def test_neighbours_equal_exact_fractions() -> None:
    draw = np.random.default_rng(0)
    bits = (draw.random((90, 24)) < 0.3).astype(np.uint8)
    bits[:, 0] = 1
    bits[50:60] = bits[40:50]  # equal rows: ties at similarity 1
    found = similarity.nearest(bits, 5)
    sets = [set(np.flatnonzero(row).tolist()) for row in bits]
    for i, own in enumerate(sets):
        order = sorted((-Fraction(len(own & s), len(own | s)), j) for j, s in enumerate(sets) if j != i)
        assert found[i].tolist() == sorted(j for _, j in order[:5])


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch, mini_molecules: tuple) -> None:
    bits = mini_molecules[1][:200]
    whole = similarity.nearest(bits, 8), similarity.principal_features(bits)
    monkeypatch.setattr(similarity, "BLOCK_ROWS", 64)
    assert np.array_equal(similarity.nearest(bits, 8), whole[0])
    assert np.array_equal(similarity.principal_features(bits), whole[1])


def test_features_are_a_truncated_svd(sim: Task, mini_molecules: tuple, directions: np.ndarray) -> None:
    bits = mini_molecules[1].astype(np.float64)
    values = np.sqrt(np.linalg.eigvalsh(bits.T @ bits)[::-1][:128])
    features = sim.arrays["features"]
    assert features.shape == (len(bits), 128) and features.dtype == np.float32
    assert np.linalg.norm(bits @ directions, axis=0) == pytest.approx(values)
    assert np.abs(features - bits @ directions).max() < 0.03
    assert np.linalg.norm(features, axis=0) == pytest.approx(values, rel=2e-3)
    assert (directions[np.abs(directions).argmax(0), np.arange(128)] > 0).all()


def test_rounding_bounds_are_far_from_what_machines_differ_by(mini_molecules: tuple, directions: np.ndarray) -> None:
    """The same eigenvectors by another path of arithmetic (columns shuffled) stay far from the next rounding bound."""
    bits = mini_molecules[1]
    order = np.random.default_rng(0).permutation(bits.shape[1])
    shuffled = np.empty_like(directions)
    shuffled[order] = similarity.principal_directions(bits[:, order], 128)
    difference = np.abs(directions - shuffled).max()
    scaled = directions * similarity.DIRECTION_STEPS
    margin = np.abs(scaled - np.floor(scaled) - 0.5).min() / similarity.DIRECTION_STEPS
    assert 0 < difference < 1e-11
    assert margin > 100 * difference
    largest = np.sort(np.abs(directions), axis=0)
    assert (largest[-1] - largest[-2]).min() > 1e6 * difference  # the sign's anchor is no near-tie


@pytest.mark.parametrize(("threads", "kernel"), [("1", "Nehalem"), ("2", "Haswell")])
def test_features_are_the_same_for_every_kernel_and_thread_count(
    tmp_path: Path, sim: Task, mini_molecules: tuple, threads: str, kernel: str
) -> None:
    np.save(tmp_path / "bits.npy", mini_molecules[1])
    code = (
        "import sys, numpy as np\nfrom workflow.datasets.parts import similarity\n"
        "np.save(sys.argv[2], similarity.principal_features(np.load(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bits.npy"), str(tmp_path / "features.npy")]
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_CORETYPE": kernel}
    subprocess.run(command, check=True, env=environment)
    assert np.array_equal(np.load(tmp_path / "features.npy"), sim.arrays["features"])


def test_reverse_relations_are_transposes(het: Task, sim: Task) -> None:
    counts = het.info["counts"]
    assert het.info["relations"] == sorted({n.removeprefix("relation/").rsplit("/", 1)[0] for n in relations(het)})
    for name in ("has/scaffold", "contains/fragment"):
        relation, target = name.split("/")
        forth = edges(het, f"molecule/{relation}/{target}")
        back = edges(het, f"{target}/rev_{relation}/molecule")
        assert len(forth) and forth == {(b, a) for a, b in back}
        members = np.diff(het.arrays[f"relation/molecule/{name}/pointers"])
        assert len(members) == counts[target] and members.min() >= ace_het.FEWEST_MOLECULES
    for part in ("pointers", "sources"):
        assert np.array_equal(het.arrays[f"relation/molecule/similar/molecule/{part}"], sim.arrays[part])
    assert np.array_equal(het.arrays["features/molecule"], sim.arrays["features"])
    assert np.array_equal(het.labels, sim.labels)


def relations(task: Task) -> list[str]:
    return [name for name in task.arrays if name.startswith("relation/")]


def edges(task: Task, name: str) -> set[tuple[int, int]]:
    """Pairs (source, target)."""
    pointers, sources = (task.arrays[f"relation/{name}/{part}"] for part in ("pointers", "sources"))
    return set(zip(sources.tolist(), expand(pointers).tolist(), strict=True))


def test_frameworks_join_what_scaffolds_keep_apart(het: Task, mini_molecules: tuple) -> None:
    assert ace_het.frameworks(["c1ccncc1", "", "c1ccccc1"]) == ["C1CCCCC1", "", "C1CCCCC1"]
    train = set(het.split("train").tolist())
    members: dict[int, set[bool]] = {}
    for molecule, scaffold in edges(het, "molecule/has/scaffold"):
        members.setdefault(scaffold, set()).add(molecule in train)
    assert sum(len(sides) == 2 for sides in members.values()) > 50


def test_fragments_and_their_edges_by_hand() -> None:
    assert list(ace_het.fragments(["CCOc1ccccc1", "C"])) == [["*CC", "*O*", "*c1ccccc1"], ["C"]]
    found, number = ace_het.incidence([["x", "y", "x"], ["y"], ["z", "y"], ["z"], ["z"]])
    assert number == 2
    assert found.T.tolist() == [[0, 0], [1, 0], [2, 0], [2, 1], [3, 1], [4, 1]]


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


def test_vocabularies_are_ogbs() -> None:
    from ogb.utils.features import get_atom_feature_dims, get_bond_feature_dims

    assert list(graphs.VOCABULARY) == get_atom_feature_dims()
    assert list(graphs.EDGE_VOCABULARY) == get_bond_feature_dims()


def test_csr_by_hand() -> None:
    pointers, sources = csr(np.array([2, 0, 2, 1]), np.array([1, 1, 1, 0]), 3, 2)
    assert (pointers.tolist(), sources.tolist()) == ([0, 1, 3], [1, 0, 2])
    pointers, sources = symmetric_csr(np.array([0, 1, 2, 2]), np.array([1, 0, 2, 0]), 4)
    assert (pointers.tolist(), sources.tolist()) == ([0, 2, 3, 4, 4], [1, 2, 0, 0])
    arrays = both_ways("a", "to", "b", np.array([[0, 2], [1, 1]]), (3, 2))
    assert arrays["relation/b/rev_to/a/pointers"].tolist() == [0, 1, 1, 2]
    assert csr(np.array([], np.int64), np.array([], np.int64), 0, 2)[0].tolist() == [0, 0, 0]
    for source, target in ((3, 0), (-1, 0), (0, 2)):
        with pytest.raises(ValueError, match="an edge names node"):
            csr(np.array([source]), np.array([target]), 3, 2)


class Wheel:
    """An installed wheel whose files lie in `root`."""

    def __init__(self, root: Path, version: str = moleculeace.VERSION) -> None:
        self.root, self.version = root, version

    def locate_file(self, path: str) -> Path:
        return self.root / path


@pytest.mark.parametrize("fault", ["absent", "version", "missing file", "column", "number", "rows"])
def test_a_wheel_that_is_not_whole_gives_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    folder = tmp_path / moleculeace.FOLDER
    folder.mkdir(parents=True)
    for target in moleculeace.TARGETS:
        (folder / f"{target}.csv").write_text("smiles,exp_mean [nM],y,cliff_mol,split\nC,1.0,0,0,train\n")
    bad = folder / "CHEMBL204_Ki.csv"
    if fault == "missing file":
        bad.unlink()
    elif fault == "column":
        bad.write_text("smiles,ki\nC,1.0\n")
    elif fault == "number":
        bad.write_text("smiles,exp_mean [nM]\nC,much\n")

    def distribution(name: str) -> Wheel:
        if fault == "absent":
            raise metadata.PackageNotFoundError(name)
        return Wheel(tmp_path, "1.0.0" if fault == "version" else moleculeace.VERSION)

    monkeypatch.setattr(metadata, "distribution", distribution)
    with pytest.raises(UserError) as caught:
        moleculeace.read()
    message = str(caught.value)
    assert "\n" not in message and "MoleculeACE" in message and "3.0.0" in message
    if fault in ("missing file", "column", "number"):
        assert "CHEMBL204_Ki.csv" in message
