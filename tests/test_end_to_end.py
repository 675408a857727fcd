"""The pipeline itself: `config/smoke.yaml` runs from raw data to its tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from reports.rows import MEASUREMENT_COLUMNS, RUN_COLUMNS
from tests.checkouts import ROOT, call, copy_code, jobs, snakemake
from tests.workflow.datasets.ogb_layout import shared_data
from workflow import catalog
from workflow.config import load
from workflow.models.model import create
from workflow.specs import TrainingSettings
from workflow.task import Task
from workflow.training.feeds import choose
from workflow.training.feeds.step import Needs
from workflow.training.loop import fit
from workflow.training.seeds import Streams

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code alone in an empty folder: no results, no prepared data."""
    return copy_code(tmp_path_factory.mktemp("checkout"))


def most_at_once(log: str, begin: str) -> int:
    """How many jobs whose message begins so ran beside each other."""
    running, most = set(), 0
    for started, message, ended in re.findall(r"^Job (\d+): (.*)$|^Finished jobid: (\d+)", log, flags=re.M):
        if started and message.startswith(begin):
            running.add(started)
        running.discard(ended)
        most = max(most, len(running))
    return most


@pytest.fixture(scope="session")
def smoke(checkout: Path) -> Path:
    """A finished run of config/smoke.yaml."""
    answer = snakemake(checkout, "--configfile", "config/smoke.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "results/smoke/index.html" in answer.stdout
    assert most_at_once(answer.stdout + answer.stderr, "preparing ") == 1, "two may load the same raw files"
    assert most_at_once(answer.stdout + answer.stderr, "") == 2
    return checkout / "results" / "smoke"


def test_columns_are_those_of_the_design():
    """Users' scripts read them by name and order."""
    assert " ".join(RUN_COLUMNS) == (
        "dataset task metric teacher student ratio_target ratio ratio_with_embeddings teacher_params student_params "
        "method seed status reason train valid test agreement kl_to_teacher nll ece cka worst_class best_epoch epochs "
        "seconds peak_memory_mb device threads config_hash commit versions"
    )
    assert " ".join(MEASUREMENT_COLUMNS) == (
        "dataset model role ratio_target params params_with_embeddings macs latency_ms_median latency_ms_iqr "
        "peak_memory_mb status reason"
    )


def test_every_cell_has_its_rows(smoke):
    config = load(ROOT / "config" / "smoke.yaml")
    runs = pd.read_parquet(smoke / "runs.parquet")
    assert list(runs.columns) == list(pd.read_csv(smoke / "runs.csv").columns) == RUN_COLUMNS
    assert set(runs["method"]) == {"teacher", *config.methods}
    assert set(runs["task"]) == {"node", "graph", "heterogeneous"}
    assert (runs.groupby(["dataset", "teacher", "student", "method"])["seed"].nunique() == config.seeds).all()
    assert runs["status"].isin(["ok", "skipped"]).all(), runs[["method", "status", "reason"]]
    trained = runs[runs["status"] == "ok"]
    assert trained[["train", "valid", "test"]].stack().between(0, 1).all()
    assert trained[["nll", "ece"]].notna().all(axis=None)
    compared = trained[["agreement", "kl_to_teacher", "cka"]].notna()
    assert compared.eq(trained["method"] != "teacher", axis=0).all(axis=None), "the floor is compared, a teacher is not"
    assert (trained["worst_class"].notna() == (trained["metric"] == "accuracy")).all()
    terms = pd.read_parquet(smoke / "terms.parquet")
    assert set(terms.loc[terms["method"] == "kd+gcrd", "name"]) == {"labels", "kd.kd", "gcrd.gcrd"}
    assert (runs["teacher_params"] >= runs["student_params"]).all()


def test_teachers_learn(smoke):
    """Far above the share of the largest class (10 %): a broken loop or split would show."""
    runs = pd.read_parquet(smoke / "runs.parquet")
    teachers = runs[(runs["method"] == "teacher") & (runs["metric"] == "accuracy")]
    assert (teachers["test"] > 0.5).all()


def test_trained_on_samples_a_network_scores_as_one_trained_on_the_whole_graph(smoke, checkout):
    """Three seeds of a GraphSAGE on 8,012 molecules, about as many steps each: within the noise of seeds."""
    task, facts, cpu = (
        Task.load(checkout / "data/tasks/ace-sim-mini"),
        catalog.facts("ace-sim-mini"),
        torch.device("cpu"),
    )
    settings = TrainingSettings(epochs=40, learning_rate=0.02)
    sampled = {"epochs": 6, "sampler": "neighbour", "batch_size": 1000, "fan_out": [5, 5]}
    scores = {}
    for training in (settings, settings.changed(TrainingSettings(**sampled))):
        feed = choose.create(task, cpu, "train", training, Needs(2))
        found = scores[training.sampler] = []
        for seed in range(3):
            streams = Streams(seed, "teacher", cpu)
            with streams.globally("network"):
                network = create({"model": "sage", "layers": 2, "width": 32, "dropout": 0.2}, facts)
            found.append(fit(network, feed, streams, training).scores["test"])
    means = {sampler: np.mean(found) for sampler, found in scores.items()}
    noise = np.sqrt(sum(np.var(found, ddof=1) / 3 for found in scores.values()))
    assert abs(means["neighbour"] - means["full"]) < 3 * noise + 0.01, scores
    assert means["full"] > 0.75, scores


def test_tables_hold_what_the_rows_say(smoke):
    runs = pd.read_parquet(smoke / "runs.parquet")
    comparisons = pd.read_csv(smoke / "comparisons.csv")
    for row in comparisons[comparisons["n"] > 0].itertuples():
        cell = runs[
            (runs["dataset"] == row.dataset)
            & (runs["teacher"] == row.teacher)
            & (runs["student"] == row.student)
            & (runs["method"] == row.method)
            & (runs["status"] == "ok")
        ]
        assert row.mean == pytest.approx(cell["test"].mean())
        assert row.std == pytest.approx(cell["test"].std(ddof=1))
    assert set(comparisons["method"]) >= set(runs["method"]) - {"teacher"}


def test_measurements_name_every_network(smoke):
    measured = pd.read_csv(smoke / "measurements.csv")
    runs = pd.read_parquet(smoke / "runs.parquet")
    assert list(measured.columns) == MEASUREMENT_COLUMNS
    networks = set(runs["student"])
    same = {name for name in networks if name.endswith(".own")}  # teachers of a student's own size
    assert {name.removesuffix(".own") for name in same} <= set(measured["model"]) == networks - same
    sizes = runs.set_index("student")["student_params"].to_dict()
    assert all(sizes[row.model] == row.params for row in measured.itertuples())
    assert (measured["latency_ms_median"] > 0).all()
    assert (measured["macs"] > 0).all()


def test_all_files_are_there(smoke):
    for name in ("main.md", "main.tex", "main.csv"):
        assert (smoke / "tables" / name).stat().st_size > 100
    figures = [path for path in (smoke / "figures").iterdir() if path.name != ".snakemake_timestamp"]
    assert {path.suffix for path in figures} == {".svg", ".pdf", ".png"}, "all were drawn"
    assert not (smoke / "figures" / "not-drawn.txt").exists()
    page = (smoke / "index.html").read_text()
    assert not re.search(r"""(src|href)=["']https?:""", page), "the page must be self-contained"
    provenance = json.loads((smoke / "provenance.json").read_text())
    assert {"commit", "versions", "machine", "config", "fingerprints", "threads_per_training"} <= set(provenance)


def test_a_second_run_has_nothing_to_do(smoke):
    """However the configuration is named: `make reproduce` names its file, a bare `snakemake` finds it."""
    folder = smoke.parents[1]
    for name in ("config/smoke.yaml", str(folder / "config" / "smoke.yaml")):
        answer = snakemake(folder, "-n", "--configfile", name)
        assert "Nothing to be done" in answer.stdout + answer.stderr


def test_rows_are_those_of_a_training_made_anew(smoke):
    answer = call(smoke.parents[1], "workflow.cli", "verify", "results/smoke", "--sample", "4")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "4 of 4 rows are the same; largest difference 0" in answer.stdout


def test_a_run_in_another_folder(checkout, tmp_path):
    answer = snakemake(checkout, "-n", "--directory", str(tmp_path), "--configfile", "config/smoke.yaml")
    assert jobs(answer)["prepare"] == 3
    assert (tmp_path / ".snakemake").exists()


def test_more_seeds_and_methods_run_only_what_is_new(smoke):
    folder = smoke.parents[1]
    config = load(ROOT / "config" / "smoke.yaml")
    cells = jobs(snakemake(folder, "-n", "--forceall", "--configfile", "config/smoke.yaml"))["distill"]
    size = config.seeds_per_job.distill
    more = snakemake(folder, "-n", "--configfile", "config/smoke.yaml", "--config", f"seeds={config.seeds + size}")
    assert jobs(more)["distill"] == cells
    file = folder / "config" / "smoke.yaml"
    text = file.read_text()
    try:
        file.write_text(text.replace("methods:\n", "methods:\n  kd-hot: {method: kd, temperature: 8}\n", 1))
        added = jobs(snakemake(folder, "-n", "--configfile", "config/smoke.yaml"))
    finally:
        file.write_text(text)
    assert "teach" not in added
    assert "prepare" not in added
    assert 0 < added["distill"] < cells / 2


def test_changed_method_code_runs_only_that_method(smoke):
    folder = smoke.parents[1]
    file = folder / "baselines" / "kd.py"
    text = file.read_text()
    try:
        file.write_text(text + "\nCHANGED = True\n")
        found = jobs(snakemake(folder, "-n", "--configfile", "config/smoke.yaml"))
    finally:
        file.write_text(text)
    assert "teach" not in found
    everything = jobs(snakemake(folder, "-n", "--forceall", "--configfile", "config/smoke.yaml"))["distill"]
    assert 0 < found["distill"] < everything


def finished(checkout: Path, name: str, config: dict[str, object]) -> tuple[Path, pd.DataFrame]:
    """The results of a configuration, and its rows, all of which went well."""
    (checkout / "config" / f"{name}.yaml").write_text(yaml.safe_dump(config))
    answer = snakemake(checkout, "--configfile", f"config/{name}.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    results = checkout / "results" / name
    runs = pd.read_parquet(results / "runs.parquet")
    assert (runs["status"] == "ok").all(), runs[["dataset", "method", "status", "reason"]]
    return results, runs


def test_variants_of_one_dataset_in_one_run(checkout):
    """Few labels, unseen test nodes and other distilled nodes beside the plain dataset, from raw data to the page."""
    config = {
        "title": "Variants",
        "seeds": 2,
        "training": {"epochs": 4},
        "models": {"big": {"model": "gcn", "layers": 3, "width": 32}, "small": {"model": "gcn", "layers": 2}},
        "methods": {"supervised": None, "kd": None},
        "experiments": [
            {"dataset": "ace-sim-mini", **keys, "teachers": ["big"], "students": [{"model": "small", "widths": [4]}]}
            for keys in ({}, {"distill_on": "all"}, {"labels_per_class": 5, "setting": "inductive"})
        ],
    }
    results, runs = finished(checkout, "variants", config)
    few, other = "ace-sim-mini@5,inductive", "ace-sim-mini@all"
    teachers, cells = runs[runs["method"] == "teacher"], runs[runs["method"] == "kd"]
    assert list(teachers["dataset"]) == ["ace-sim-mini"] * 2 + [few] * 2, "one more would be taught twice"
    assert set(cells["dataset"]) == {"ace-sim-mini", few, other}
    scores = cells.groupby("dataset")["valid"].apply(tuple)
    assert len(set(scores)) == 3
    measured = pd.read_csv(results / "measurements.csv").set_index(["dataset", "model"])["macs"]
    assert measured["ace-sim-mini"].to_dict() == measured[few].to_dict()
    page = (results / "index.html").read_text()
    for change in ("distilled on all", "5 labels per class, inductive"):
        assert f"ACE similarity (mini), {change}" in page
    again = snakemake(checkout, "-n", "--configfile", "config/variants.yaml")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_official_raw_files_to_tables(checkout):
    """OGB's molecules by their scaffold split and ROC-AUC, and Planetoid's Cora with a deep teacher."""
    short = {"epochs": 2, "batch_size": 128, "learning_rate": 0.005}
    students = [{"model": "mol-gin-2", "widths": [8]}]
    config = {
        "title": "Official files",
        "seeds": 1,
        "data": {"ogb_root": str(shared_data("ogb")), "planetoid_root": str(shared_data("planetoid"))},
        "models": {
            "gine-3x32": {"model": "gine", "layers": 3, "width": 32, "training": short},
            "pna-2x16": {"model": "pna", "layers": 2, "width": 16, "training": short},
            "mol-gin-2": {"model": "mol_gin", "layers": 2, "training": short},
            "gcnii-64x16": {"model": "gcnii", "layers": 64, "width": 16, "training": {"epochs": 3}},
            "gcnii-4": {"model": "gcnii", "layers": 4, "training": {"epochs": 5}},
        },
        "methods": {"supervised": None, "kd": None, "gcrd": {"max_samples": 512}, "abkd": None},
        "experiments": [
            {"dataset": "ogbg-molbace", "teachers": ["gine-3x32", "pna-2x16"], "students": students},
            {"dataset": "cora", "teachers": ["gcnii-64x16"], "students": [{"model": "gcnii-4", "widths": [4]}]},
        ],
    }
    results, runs = finished(checkout, "official", config)
    assert dict(zip(runs["dataset"], runs["metric"], strict=True)) == {
        "ogbg-molbace": "rocauc",
        "cora": "accuracy",
    }
    assert len(runs) == 3 * (1 + len(config["methods"]))
    fingerprints = json.loads((results / "provenance.json").read_text())["fingerprints"]
    assert fingerprints["cora"].startswith("f1bb013723106904")
    table = (results / "tables" / "main.csv").read_text()
    assert all(name in table for name in ("molbace", "cora", "pna-2x16"))
