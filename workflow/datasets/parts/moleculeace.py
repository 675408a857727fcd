"""Molecules and bioactivities of MoleculeACE, the real data that the `ace-*` tasks are made of. No torch here.

The PyPI wheel `MoleculeACE==3.0.0` (van Tilborg et al. 2022, doi:10.1021/acs.jcim.2c01073; from ChEMBL, MIT) carries
30 CSV files, one per protein target, with columns `smiles`, `exp_mean [nM]` (Ki or EC50), `y` = -log10(exp_mean [nM])
and a train/test split that is not used here. They are found through `importlib.metadata`; the package is never
imported, its dependencies are not needed.

One molecule is one SMILES string of these files: they were canonicalised by their authors, no string occurs twice in
a file, and RDKit's canonical SMILES merges no two of the 35,633 (a test says so). Hence nothing here depends on how a
version of RDKit writes a molecule. Molecules are put in the order of the SHA-256 of their SMILES, so that ties broken
by order (equal neighbours, scaffolds of equal size) favour no target.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workflow.errors import UserError

PACKAGE = "MoleculeACE"
VERSION = "3.0.0"
FOLDER = "MoleculeACE/Data/benchmark_data"
MEASUREMENTS = 48_714
MOLECULES = 35_633
# ChEMBL's target and the quantity measured; a label is a position in this list.
TARGETS = (
    *("CHEMBL1862_Ki", "CHEMBL1871_Ki", "CHEMBL2034_Ki", "CHEMBL2047_EC50", "CHEMBL204_Ki", "CHEMBL2147_Ki"),
    *("CHEMBL214_Ki", "CHEMBL218_EC50", "CHEMBL219_Ki", "CHEMBL228_Ki", "CHEMBL231_Ki", "CHEMBL233_Ki"),
    *("CHEMBL234_Ki", "CHEMBL235_EC50", "CHEMBL236_Ki", "CHEMBL237_EC50", "CHEMBL237_Ki", "CHEMBL238_Ki"),
    *("CHEMBL239_EC50", "CHEMBL244_Ki", "CHEMBL262_Ki", "CHEMBL264_Ki", "CHEMBL2835_Ki", "CHEMBL287_Ki"),
    *("CHEMBL2971_Ki", "CHEMBL3979_EC50", "CHEMBL4005_Ki", "CHEMBL4203_Ki", "CHEMBL4616_EC50", "CHEMBL4792_Ki"),
)

FINGERPRINT_BITS = 1024
FINGERPRINT_RADIUS = 2
TRAIN_SHARE = 0.8
VALID_SHARE = 0.1


@dataclass(frozen=True)
class Measurements:
    """All molecules and what was measured on them.

    Attributes:
        smiles: [molecules], in the order of their SHA-256.
        nanomolar: [molecules, 30] float64, Ki or EC50 at each of TARGETS in nmol/l; NaN where unmeasured.
    """

    smiles: tuple[str, ...]
    nanomolar: np.ndarray

    def of_one_target(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The molecules measured on one target only and, as labels [n] int64, the positions of these targets."""
        measured = ~np.isnan(self.nanomolar)
        chosen = np.flatnonzero(measured.sum(axis=1) == 1)
        return tuple(self.smiles[i] for i in chosen), measured[chosen].argmax(axis=1).astype(np.int64)


def read() -> Measurements:
    """Reads the 30 files of the installed wheel.

    Raises:
        UserError: the wheel is absent, another version, or not whole.
    """
    measured: dict[str, dict[int, float]] = {}
    for target, path in enumerate(_files()):
        try:
            with path.open(newline="") as lines:
                for row in csv.DictReader(lines):
                    value = float(row["exp_mean [nM]"])
                    if not 0 < value < math.inf:
                        raise ValueError(f"a measurement of {value} nM")
                    measured.setdefault(row["smiles"], {})[target] = value
        except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path}: not a MoleculeACE file ({reason}); reinstall {PACKAGE}=={VERSION}") from error
    rows = sum(len(values) for values in measured.values())
    if (rows, len(measured)) != (MEASUREMENTS, MOLECULES):
        raise UserError(
            f"{PACKAGE} holds {rows} measurements of {len(measured)} molecules, not {MEASUREMENTS} of {MOLECULES}; "
            f"reinstall {PACKAGE}=={VERSION}"
        )
    smiles = tuple(sorted(measured, key=_digest))
    nanomolar = np.full((len(smiles), len(TARGETS)), np.nan)
    for i, molecule in enumerate(smiles):
        for target, value in measured[molecule].items():
            nanomolar[i, target] = value
    return Measurements(smiles, nanomolar)


def _files() -> list[Path]:
    from importlib import metadata

    try:
        distribution = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise UserError(f"{PACKAGE} is not installed: pip install --no-deps {PACKAGE}=={VERSION}") from error
    if distribution.version != VERSION:
        raise UserError(f"{PACKAGE} {distribution.version} is installed; allowed: {VERSION}")
    return [Path(str(distribution.locate_file(f"{FOLDER}/{target}.csv"))) for target in TARGETS]


def _digest(smiles: str) -> str:
    return hashlib.sha256(smiles.encode()).hexdigest()


def stratified(labels: np.ndarray, wanted: int) -> np.ndarray:
    """Ascending positions of about `wanted` items, of each class the same share (rounded up), the earliest first."""
    share = wanted / len(labels)
    chosen = [
        np.flatnonzero(labels == c)[: int(np.ceil(share * (labels == c).sum()))] for c in np.unique(labels).tolist()
    ]
    return np.sort(np.concatenate(chosen))


@contextmanager
def quiet_rdkit() -> Iterator[None]:
    """Keeps RDKit's warnings about single molecules off the terminal."""
    from rdkit import rdBase

    with rdBase.BlockLogs():
        yield


def fingerprints_and_scaffolds(smiles: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Morgan fingerprints (radius 2) [n, 1024] uint8 of zeros and ones, and Bemis-Murcko scaffolds without chirality.

    A scaffold is a SMILES string; that of a molecule without rings is empty.

    Raises:
        UserError: RDKit cannot read a molecule.
    """
    from rdkit import Chem
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

    generator = GetMorganGenerator(radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS)
    bits = np.empty((len(smiles), FINGERPRINT_BITS), np.uint8)
    scaffolds = []
    with quiet_rdkit():
        for i, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text)
            if molecule is None:
                raise UserError(f"{PACKAGE}: RDKit cannot read the molecule '{text}'")
            bits[i] = generator.GetFingerprintAsNumPy(molecule)
            scaffolds.append(MurckoScaffoldSmiles(mol=molecule, includeChirality=False))
    return bits, scaffolds


def scaffold_split(scaffolds: Iterable[str]) -> dict[str, np.ndarray]:
    """Splits 80/10/10 so that no scaffold lies in two parts, as OGB and MoleculeNet do for molecules.

    Groups of one scaffold are dealt out from the largest to the smallest, groups of one size by their first molecule,
    each to the first of train, valid and test that has room for it.

    Returns:
        `split/train`, `split/valid`, `split/test`: ascending ids, int64.
    """
    groups: dict[str, list[int]] = {}
    for i, scaffold in enumerate(scaffolds):
        groups.setdefault(scaffold, []).append(i)
    total = sum(len(members) for members in groups.values())
    train: list[int] = []
    valid: list[int] = []
    test: list[int] = []
    for members in sorted(groups.values(), key=lambda members: (-len(members), members[0])):
        if len(train) + len(members) <= TRAIN_SHARE * total:
            train += members
        elif len(train) + len(valid) + len(members) <= (TRAIN_SHARE + VALID_SHARE) * total:
            valid += members
        else:
            test += members
    parts = {"train": train, "valid": valid, "test": test}
    return {f"split/{part}": np.sort(np.array(ids, np.int64)) for part, ids in parts.items()}
