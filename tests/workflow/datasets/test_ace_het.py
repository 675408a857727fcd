"""`ace-het`: reverse relations, frameworks and fragments."""

from __future__ import annotations

import numpy as np

from workflow.datasets import ace_het
from workflow.datasets.parts.csr import expand
from workflow.task import Task

# A change here is a change of the data and of every number reported on them.
MINI = "7396755c51e28400f579d40bc8e5b97b33a82c52f7b68ff950958f3572fa7400"


def test_the_fingerprint_is_the_recorded_one(het: Task) -> None:
    assert het.fingerprint == MINI


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
