"""The wheel of MoleculeACE: whole, or refused in one line; scaffolds shared out."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from workflow.datasets.parts import moleculeace
from workflow.errors import UserError


def test_no_molecule_is_written_in_two_ways() -> None:
    from rdkit import Chem

    smiles = moleculeace.read().smiles
    with moleculeace.quiet_rdkit():
        assert len({Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text in smiles}) == len(smiles) == 35_633


def test_a_split_by_hand() -> None:
    scaffolds = ["b", "a", "a", "c", "a", "a", "a", "a", "b", "d"]  # 6 of a, 2 of b, one each of c and d
    split = moleculeace.scaffold_split(scaffolds)
    assert {name: ids.tolist() for name, ids in split.items()} == {
        "split/train": [0, 1, 2, 4, 5, 6, 7, 8],
        "split/valid": [3],
        "split/test": [9],
    }


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
