"""Synthetic results in the tidy form that `reports` reads: small, seeded, and shaped like real ones."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.findings import Findings
from reports.metrics import metric as metric_of
from reports.results import Results, families, prepare
from reports.rows import ATTENTION_COLUMNS, CELL, FIDELITY, LAYER_COLUMNS, RUN_COLUMNS, SCORES
from reports.settings import Settings

TITLES = {
    "supervised": "Supervised",
    "kd": "KD",
    "fitnet": "FitNet",
    "at": "AT",
    "lsp-rbf": "LSP (RBF)",
    "lsp-poly": "LSP (poly)",
    "gsp-rbf": "GSP (RBF)",
    "gcrd": "G-CRD",
    "kd+gcrd": "KD + G-CRD",
    "mustad": "MustaD",
    "linkdist": "LinkDist",
    "glnn": "GLNN",
    "abkd": "ABKD",
    "stride": "STRIDE",
    "abkd-uniform": "ABKD, uniform",
    "abkd-last": "ABKD, last layer",
    "abkd-pooled": "ABKD, pooled",
    "stride-structure": "STRIDE, structure",
}
"""Eighteen methods in display order."""

NOISE = np.array([0.011, -0.004, 0.007, -0.012, 0.002, 0.009, -0.008, 0.001, -0.006, 0.0])
OTHER = np.array([0.003, 0.001, -0.002, 0.004, -0.003, 0.0, 0.002, -0.001, -0.004, 0.001])
BASE = 0.8 + NOISE


def settings(methods: Iterable[str] = TITLES, **changes: Any) -> dict[str, Any]:
    return {
        "title": "A benchmark",
        "reference": "kd",
        "alpha": 0.05,
        "methods": {
            label: {"title": TITLES.get(label, label), "year": 2022, "citations": ["joshi2022"]} for label in methods
        },
        "datasets": {},
        "minimum_seeds": 10,
        "spotlight": ["abkd", "stride"],
        **changes,
    }


def row(**changes: Any) -> dict[str, Any]:
    """One row of runs with every column."""
    base: dict[str, Any] = {
        "dataset": "ace-sim",
        "task": "node",
        "metric": "accuracy",
        "teacher": "gcn-3x256",
        "student": "gcn-2x16",
        "ratio_target": 40.0,
        "ratio": 39.4,
        "ratio_with_embeddings": 39.4,
        "teacher_params": 110_000,
        "student_params": 2_800,
        "method": "kd",
        "seed": 0,
        "status": "ok",
        "reason": "",
        "train": 0.9,
        "valid": 0.8,
        "test": 0.8,
        "agreement": 0.85,
        "kl_to_teacher": 0.21,
        "nll": 0.62,
        "ece": 0.043,
        "cka": 0.77,
        "worst_class": 0.31,
        "best_epoch": 40,
        "epochs": 60,
        "seconds": 5.0,
        "peak_memory_mb": 300.0,
        "device": "cpu",
        "threads": 2,
        "config_hash": "abc",
        "commit": "0123456",
        "versions": "torch 2",
    }
    assert set(changes) <= set(base)
    return {**base, **changes}


def cell(scores: Iterable[float], **changes: Any) -> list[dict[str, Any]]:
    """One row per score, seeds from 0."""
    return [row(seed=seed, test=score, **changes) for seed, score in enumerate(scores)]


def missing(seeds: int, first: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """Trainings that were planned and have left no row."""
    blank = {
        "status": "missing",
        "reason": "no row; see logs/cells/kd.log",
        **dict.fromkeys([*SCORES, *FIDELITY, "best_epoch"]),
        "epochs": 0,
        "seconds": 0.0,
        "peak_memory_mb": 0.0,
        "device": "",
        "commit": "",
        "versions": "",
    }
    return [row(seed=seed, **{**blank, **changes}) for seed in range(first, first + seeds)]


def teacher_rows(scores: Iterable[float], **changes: Any) -> list[dict[str, Any]]:
    teacher = changes.get("teacher", "gcn-3x256")
    alone = dict.fromkeys(["agreement", "kl_to_teacher", "cka"])
    fixed = {
        **alone,
        "student": teacher,
        "method": "teacher",
        "ratio": 1.0,
        "ratio_target": 1.0,
        "student_params": 110_000,
    }
    return cell(scores, **{**fixed, **changes})


def spread(seed: int) -> np.ndarray:
    """[10] of mean 0 and sample standard deviation .01."""
    drawn = np.random.default_rng(seed).normal(size=10)
    return 0.01 * (drawn - drawn.mean()) / drawn.std(ddof=1)


def frame(*cells: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([each for rows in cells for each in rows], columns=RUN_COLUMNS)


def findings(*parts: list[dict[str, Any]], unpaired: Collection[str] = (), **changes: Any) -> Findings:
    """What a report of these rows says, without measurements, curves and maps; `unpaired` have seeds of their own."""
    return of_runs(frame(*parts), Settings.parse(settings(**changes)), unpaired)


def of_runs(runs: pd.DataFrame, chosen: Settings, unpaired: Collection[str] = ()) -> Findings:
    ready, empty = prepare(runs), pd.DataFrame()
    ready["paired"] = ~ready["method"].isin(unpaired)
    return Findings.of(Results(ready, empty, empty, empty, empty, {}, families(ready, chosen)), chosen)


STUDENTS = {40.0: ("gcn-2x16", 0.82), 80.0: ("gcn-2x8", 0.74), 160.0: ("gcn-2x4", 0.6)}


def study(
    datasets: Mapping[str, str], methods: Iterable[str] = TITLES, seeds: int = 10, ratios: Iterable[float] = STUDENTS
) -> pd.DataFrame:
    """A whole study: dataset -> metric, with effects that differ by method and paired noise by seed."""
    random = np.random.default_rng(7)
    rows: list[dict[str, Any]] = []
    methods = list(methods)
    for dataset, metric in datasets.items():
        sign = metric_of(metric).sign
        rows += teacher_rows(
            0.867 + 0.002 * random.standard_normal(seeds) if sign > 0 else 0.55 + 0.01 * random.standard_normal(seeds),
            dataset=dataset,
            metric=metric,
            seconds=60.0,
        )
        for target in ratios:
            student, level = STUDENTS[target]
            shared = 0.006 * random.standard_normal(seeds)
            for place, method in enumerate(methods):
                effect = {"supervised": 0.0, "kd": 0.012, "abkd": 0.016, "stride": 0.022}.get(
                    method, 0.02 * np.sin(2.1 * place)
                )
                score = level + effect + shared + 0.003 * random.standard_normal(seeds)
                rows += cell(
                    score if sign > 0 else 1.5 - score,
                    dataset=dataset,
                    metric=metric,
                    student=student,
                    ratio_target=target,
                    ratio=target * 0.98,
                    ratio_with_embeddings=target * 0.5,
                    student_params=int(110_000 / target),
                    method=method,
                    seconds=4.0 + 0.7 * place,
                )
    return frame(rows)


def measurements(runs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for dataset in sorted(set(runs["dataset"])):
        networks = runs[runs["dataset"] == dataset].drop_duplicates(["student", "ratio_target"])
        for network in networks.to_dict("records"):
            size = network["student_params"]
            rows.append(
                {
                    "dataset": dataset,
                    "model": network["student"],
                    "role": "teacher" if network["method"] == "teacher" else "student",
                    "ratio_target": network["ratio_target"],
                    "params": size,
                    "params_with_embeddings": size + 1000,
                    "macs": size * 26_000,
                    "latency_ms_median": 1.5 + size / 5000,
                    "latency_ms_iqr": 0.1,
                    "peak_memory_mb": 120.0,
                    "status": "ok",
                    "reason": "",
                }
            )
    return pd.DataFrame(rows)


def curves(runs: pd.DataFrame, epochs: int = 60) -> pd.DataFrame:
    """Learning curves that end at each run's validation score."""
    key = ["dataset", "teacher", "student", "ratio_target", "method", "seed"]
    ran = runs[(runs["status"] == "ok") & (runs["method"] != "teacher")]
    steps, parts = np.arange(epochs), []
    for each in ran.to_dict("records"):
        part = pd.DataFrame({"epoch": steps, "loss": np.exp(-steps / 10)})
        part["valid"] = each["test"] * (1 - np.exp(-(steps + 3) / (8 + each["seed"] % 3)))
        parts.append(part.assign(**{name: each[name] for name in key}))
    return pd.concat(parts, ignore_index=True)[[*key, "epoch", "loss", "valid"]]


def terms(runs: pd.DataFrame, epochs: int = 60) -> pd.DataFrame:
    """Terms of the loss: that of the labels, and one of every method that distils."""
    key = ["dataset", "teacher", "student", "ratio_target", "method", "seed"]
    ran = runs[(runs["status"] == "ok") & (runs["method"] != "teacher")]
    steps = np.arange(epochs)
    parts = []
    for each in ran.to_dict("records"):
        names = ["labels", *(f"{part}.loss" for part in each["method"].split("+") if part != "supervised")]
        for place, name in enumerate(names):
            part = pd.DataFrame({"epoch": steps, "value": np.exp(-steps / (8 + each["seed"] % 3)) * 3**place + 0.01})
            parts.append(part.assign(name=name, **{column: each[column] for column in key}))
    return pd.concat(parts, ignore_index=True)[[*key, "epoch", "name", "value"]]


def attention(
    runs: pd.DataFrame, methods: Iterable[str] = ("abkd", "stride"), teacher: int = 4, student: int = 3
) -> pd.DataFrame:
    """Rows of a softmax that sharpens from uniform towards the diagonal."""
    chosen = runs[(runs["status"] == "ok") & runs["method"].isin(list(methods))]
    rows = []
    for each in chosen.to_dict("records"):
        for epoch, sharpness in ((0, 0.1), (59, 3.0)):
            distance = np.abs(np.linspace(0, 1, teacher)[:, None] - np.linspace(0, 1, student)[None, :])
            weight = np.exp(-sharpness * distance + 0.05 * each["seed"] * np.eye(teacher, student))
            weight /= weight.sum(axis=1, keepdims=True)
            for i, j in np.ndindex(teacher, student):
                entry = {"epoch": epoch, "name": "attention", "row": i, "column": j, "value": weight[i, j]}
                rows.append({**{name: each[name] for name in CELL}, **entry})
    return pd.DataFrame(rows, columns=ATTENTION_COLUMNS)


def layers(
    runs: pd.DataFrame, teacher: int = 4, student: int = 3, methods: Iterable[str] = ("supervised", "kd", "abkd")
) -> pd.DataFrame:
    """CKA that rises towards the diagonal, more for every method than for the one before it."""
    rows = []
    for place, method in enumerate(methods):
        for each in runs[(runs["status"] == "ok") & (runs["method"] == method)][CELL].to_dict("records"):
            for name, sharpness in (("before", 0.2), ("after", 1.0 + place)):
                for i, j in np.ndindex(teacher, student):
                    near = np.exp(-sharpness * abs(i / max(teacher - 1, 1) - j / max(student - 1, 1)))
                    rows.append({**each, "name": name, "row": i, "column": j, "value": near - 0.01 * each["seed"]})
    return pd.DataFrame(rows, columns=LAYER_COLUMNS)


def save(folder: Path, runs: pd.DataFrame, everything: bool = True) -> Path:
    """Writes the files that a run leaves before its report."""
    folder.mkdir(parents=True, exist_ok=True)
    runs.to_parquet(folder / "runs.parquet", index=False)
    runs.to_csv(folder / "runs.csv", index=False)
    if everything:
        measurements(runs).to_csv(folder / "measurements.csv", index=False)
        curves(runs).to_parquet(folder / "curves.parquet", index=False)
        terms(runs).to_parquet(folder / "terms.parquet", index=False)
        attention(runs).to_parquet(folder / "attention.parquet", index=False)
        layers(runs).to_parquet(folder / "layers.parquet", index=False)
        told = {
            "commit": "0123456",
            "versions": {"torch": "2.9", "python": "3.11"},
            "hardware": {"cpu": "an example processor", "cores": 2},
            "threads": 2,
            "config": {"seeds": 10, "datasets": sorted(set(runs["dataset"]))},
            "fingerprints": dict.fromkeys(sorted(set(runs["dataset"])), "sha256:0"),
        }
        (folder / "provenance.json").write_text(json.dumps(told))
    return folder
