"""`--config KEY=VALUE` of this project's commands changes what Snakemake's changes, and who forgets it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.workflow.samples import GOOD
from workflow import overrides
from workflow.errors import UserError
from workflow.files import write_json
from workflow.run import Run


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(yaml.safe_dump(GOOD))
    return Path("x.yaml")


def test_values_are_read_as_snakemake_reads_them(file: Path):
    changed = overrides.load(file, ["seeds=7", "title=Other", "training={epochs: 9}"])
    assert (changed.seeds, changed.title, changed.training.epochs) == (7, "Other", 9)
    assert overrides.load(file, []).seeds == GOOD["seeds"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("seeds", "--config seeds: Invalid config definition"),
        ("seeds=none", "x.yaml: seeds: must be"),
        ("sedes=3", "x.yaml: sedes: unknown key"),
    ],
)
def test_a_mistake_is_one_line(file: Path, change: str, told: str):
    with pytest.raises(UserError, match=rf"^{told}[^\n]*$"):
        overrides.load(file, [change])


def test_snakemakes_own_options_are_left_to_it():
    found = overrides.split(["tune", "--cores", "2", "--config", "seeds=3", "alpha=0.1", "--configfiles", "x"])
    assert found == (["tune", "--cores", "2", "--configfiles", "x"], ["seeds=3", "alpha=0.1"])


def test_tables_of_another_configuration_are_told(file: Path):
    last = Run(overrides.load(file, ["seeds=7"]), "x.yaml")
    assert not overrides.remark(last), "there are none"
    write_json(Path(last.results) / "provenance.json", {"config": last.stated.stated})
    assert not overrides.remark(last)
    run = Run(overrides.load(file, []), "x.yaml")
    assert overrides.remark(run) == (
        "x.yaml: seeds: is another one than in the last tables; --config KEY=VALUE changes it as for snakemake"
    )
