"""Results of several folders as one, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from reports import build, merging
from reports.rows import CELL
from tests.reports import samples

pytestmark = pytest.mark.usefixtures("one_figure")

METHODS = ("supervised", "kd", "gcrd", "abkd")


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    return samples.study({"ace-sim": "accuracy"}, METHODS, ratios=(40.0,))


def save(folder: Path, runs: pd.DataFrame, labels: tuple[str, ...], **changes) -> Path:
    samples.save(folder, runs[runs["method"].isin(["teacher", *labels])])
    build.write(folder, samples.settings(labels, **changes))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, study: pd.DataFrame) -> Path:
    """Two machines with the floor and KD on both, and another method on each."""
    folder = tmp_path_factory.mktemp("halves")
    other = study.assign(seconds=study["seconds"] * 2, device="another", commit="7654321")
    save(folder / "a", study, ("supervised", "kd", "gcrd"), title="First")
    save(folder / "b", other, ("supervised", "kd", "abkd"), title="Second")
    return folder


@pytest.fixture
def halves(made: Path, tmp_path: Path) -> list[Path]:
    return [shutil.copytree(made / name, tmp_path / name) for name in ("a", "b")]


def test_one_folder_is_reported_elsewhere(halves: list[Path], tmp_path: Path) -> None:
    """Stored results stay as they are."""
    before = {file: file.stat().st_mtime_ns for file in halves[0].rglob("*")}
    merging.merge(halves[:1], tmp_path / "c")
    assert {file: file.stat().st_mtime_ns for file in halves[0].rglob("*")} == before
    for name in ("comparisons.csv", "tables/main.csv", "tables/comparisons.md"):
        assert (tmp_path / "c" / name).read_bytes() == (halves[0] / name).read_bytes()


def test_a_folder_that_is_named_twice_is_refused(halves: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"/a: is named twice$"):
        merging.merge([*halves, halves[1] / ".." / "a"], tmp_path / "c")


def test_two_halves_make_the_whole(halves: list[Path], tmp_path: Path, study: pd.DataFrame) -> None:
    merging.merge(halves, tmp_path / "c")
    found, whole = pd.read_parquet(tmp_path / "c" / "runs.parquet"), save(tmp_path / "w", study, METHODS)
    assert len(found) == len(study)
    assert not found.duplicated(CELL).any()
    for name in ("comparisons.csv", "tables/main.csv"):
        one, other = ((folder / name).read_text() for folder in (tmp_path / "c", whole))
        assert sorted(one.splitlines()) == sorted(other.splitlines()), name
    page = (tmp_path / "c" / "index.html").read_text(encoding="utf-8")
    assert "<title>First</title>" in page
    assert json.loads((tmp_path / "c" / "provenance.json").read_text())["merged"].keys() == {"a", "b"}
    assert len(pd.read_parquet(tmp_path / "c" / "curves.parquet")) == len(samples.curves(study))


def test_a_row_that_is_missing_here_is_taken_from_there(halves: list[Path], tmp_path: Path) -> None:
    runs = pd.read_parquet(halves[0] / "runs.parquet")
    lost = samples.frame(
        samples.missing(2, student="gcn-2x16", method="kd", ratio=runs["ratio"].iloc[-1], ratio_target=40.0)
    )
    rest = runs[~((runs["method"] == "kd") & (runs["seed"] < 2))]
    pd.concat([rest, lost], ignore_index=True).to_parquet(halves[0] / "runs.parquet", index=False)
    merging.merge(halves, tmp_path / "c", "Both")
    assert "<title>Both</title>" in (tmp_path / "c" / "index.html").read_text(encoding="utf-8")
    assert set(pd.read_parquet(tmp_path / "c" / "runs.parquet")["status"]) == {"ok"}


def change(folder: Path, name: str, value: object, method: str = "kd") -> None:
    runs = pd.read_parquet(folder / "runs.parquet")
    runs.loc[(runs["method"] == method) & (runs["seed"] == 3), name] = value
    runs.to_parquet(folder / "runs.parquet", index=False)


@pytest.mark.parametrize(
    ("name", "value", "method"), [("threads", 9, "kd"), ("test", 0.5, "kd"), ("test", 0.9, "teacher")]
)
def test_rows_that_contradict_each_other_are_refused(halves, tmp_path, name, value, method) -> None:
    change(halves[1], name, value, method)
    with pytest.raises(ValueError, match=rf"b: dataset ace-sim, .*method {method}, seed 3: {name} is .* in .*a$"):
        merging.merge(halves, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_other_settings_are_told_before_what_comes_of_them(halves: list[Path], tmp_path: Path) -> None:
    for name, value in (("test", 0.5), ("train", 1.0), ("best_epoch", 1), ("epochs", 3), ("config_hash", "other")):
        change(halves[1], name, value)
    found = r"b: dataset ace-sim, .*method kd, seed 3: was trained with another configuration than in .*a \(config_hash"
    with pytest.raises(ValueError, match=rf"^[^\n]*{found} other and abc\)$"):
        merging.merge(halves, tmp_path / "c")
    change(halves[1], "config_hash", "abc")
    with pytest.raises(ValueError, match=r"seed 3: epochs is 3, and .* in .*a$"):
        merging.merge(halves, tmp_path / "c")


@pytest.mark.parametrize("status", ["ok", "missing"])
def test_other_seeds_of_another_configuration_are_refused(halves: list[Path], tmp_path: Path, status: str) -> None:
    """They would be pooled into the mean of neither."""
    runs = pd.read_parquet(halves[1] / "runs.parquet")
    runs["seed"] += 100
    runs.loc[runs["method"] == "kd", ["config_hash", "status"]] = "other", status
    runs.to_parquet(halves[1] / "runs.parquet", index=False)
    found = r"/b: dataset ace-sim, .*method kd, seed 1\d\d: was trained with another configuration than in .*/a "
    with pytest.raises(ValueError, match=rf"^[^\n]*{found}\(config_hash other and abc\)$"):
        merging.merge(halves, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_student_without_a_method_in_common_is_refused(halves: list[Path], tmp_path: Path) -> None:
    """It may have been trained for other epochs, which no row tells."""
    runs = pd.read_parquet(halves[1] / "runs.parquet")
    runs[runs["method"].isin(["teacher", "abkd"])].to_parquet(halves[1] / "runs.parquet", index=False)
    with pytest.raises(ValueError, match=r"^[^\n]*/b: dataset ace-sim, .*student gcn-2x16: has no method in common"):
        merging.merge(halves, tmp_path / "c")


def test_other_data_are_refused(halves: list[Path], tmp_path: Path) -> None:
    provenance = json.loads((halves[1] / "provenance.json").read_text())
    provenance["fingerprints"]["ace-sim"] = "sha256:1"
    (halves[1] / "provenance.json").write_text(json.dumps(provenance))
    with pytest.raises(ValueError, match=r"b: ace-sim is not the data of .*a \(fingerprints sha256:1 and sha256:0\)"):
        merging.merge(halves, tmp_path / "c")


def test_other_data_behind_merged_results_are_refused(halves: list[Path], tmp_path: Path) -> None:
    """Their provenance is that of each folder."""
    merging.merge(halves, tmp_path / "c")
    third = shutil.copytree(halves[0], tmp_path / "d")
    provenance = json.loads((third / "provenance.json").read_text())
    provenance["fingerprints"]["ace-sim"] = "sha256:1"
    (third / "provenance.json").write_text(json.dumps(provenance))
    with pytest.raises(ValueError, match=r"d: ace-sim is not the data of .*c \("):
        merging.merge([tmp_path / "c", third], tmp_path / "e")


def test_what_was_added_is_no_method_of_another_run(halves: list[Path], tmp_path: Path) -> None:
    rows = [{"dataset": "ace-sim", "teacher": "gcn-3x256", "student": "gcn-2x16", "seed": 7, "test": 0.8}]
    pd.DataFrame(rows).to_csv(tmp_path / "mine.csv", index=False)
    build.add_results(halves[0], tmp_path / "mine.csv", "abkd")
    with pytest.raises(ValueError, match=r"a/added/abkd.csv: method 'abkd' is one of the run's own"):
        merging.merge(halves, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_one_label_for_two_methods_is_refused(halves: list[Path], tmp_path: Path) -> None:
    settings = json.loads((halves[1] / "report.json").read_text())
    settings["methods"]["kd"]["title"] = "My KD"
    (halves[1] / "report.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"b: methods: kd is another one than in .*a; give one another name"):
        merging.merge(halves, tmp_path / "c")


def test_networks_and_sources_of_all_are_merged(study: pd.DataFrame, tmp_path: Path) -> None:
    """Each has a dataset and a network of its own, with its layers and what a paper cites of it."""
    folders = []
    for name, layers in (("a", 2), ("b", 3)):
        own = study.assign(dataset=f"set-{name}", student=f"net-{name}")
        own.loc[own["method"] == "teacher", "student"] = own["teacher"]
        facts = {
            "networks": {f"net-{name}": {"layers": layers, "citations": [f"key-{name}"]}},
            "data_citations": {f"set-{name}": [f"key-{name}"]},
            "references": {f"key-{name}": f"@misc{{key-{name}, title = {{One}}}}"},
        }
        folders.append(save(tmp_path / name, own, ("supervised", "kd"), **facts))
    merged = merging.merge(folders, tmp_path / "c")
    assert {name: each.layers for name, each in merged.settings.networks.items()} == {"net-a": 2, "net-b": 3}
    assert merged.settings.data_citations == {"set-a": ("key-a",), "set-b": ("key-b",)}
    bibliography = (tmp_path / "c" / "tables" / "references.bib").read_text()
    assert "{key-a," in bibliography and "{key-b," in bibliography
    settings = json.loads((folders[1] / "report.json").read_text())
    settings["networks"] |= {"net-a": {"layers": 9, "citations": []}}
    (folders[1] / "report.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"b: networks: net-a is another one than in .*a; give one another name"):
        merging.merge(folders, tmp_path / "d")


def test_what_a_cell_used_is_that_of_the_row_that_stays(study: pd.DataFrame, tmp_path: Path) -> None:
    """Once, and with the folder of that row's record."""
    folders = []
    for name in "ab":
        place = {"dataset": "ace-sim", "teacher": "gcn-3x256", "student": "gcn-2x16", "ratio_target": 40.0}
        used = {**place, "method": "kd", "values": "alpha 0.9", "targets": [f"results/{name}/rows.json"], "taught": []}
        folders.append(save(tmp_path / name, study, ("supervised", "kd"), hyperparameters=[used]))
    merged = merging.merge(folders, tmp_path / "c")
    assert [each.targets for each in merged.settings.hyperparameters] == [("results/a/rows.json",)]


def test_results_are_not_overwritten(halves: list[Path]) -> None:
    with pytest.raises(ValueError, match="a: holds runs already"):
        merging.merge(halves, halves[0])


def test_folders_of_one_name_keep_their_provenance(halves: list[Path], tmp_path: Path) -> None:
    """As those of one configuration on two machines."""
    moved = [shutil.copytree(folder, tmp_path / place / "quick") for place, folder in zip("xy", halves, strict=True)]
    merging.merge(moved, tmp_path / "c")
    merged = json.loads((tmp_path / "c" / "provenance.json").read_text())["merged"]
    assert list(merged) == ["quick", "quick (2)"]
