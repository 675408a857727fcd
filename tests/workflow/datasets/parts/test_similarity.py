"""Exact neighbours and principal features: the same bits on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from workflow.datasets.parts import similarity
from workflow.task import Task


def test_the_mini_version_keeps_the_share_of_each_class() -> None:
    full, mini = (np.bincount(similarity.selection(m)[1], minlength=30) for m in (False, True))
    assert np.array_equal(mini, np.ceil(full * (similarity.MINI_MOLECULES / full.sum())))


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
