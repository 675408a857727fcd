"""Which datasets there are, and the facts that a config can be checked against before anything is downloaded.

A file of `workflow/datasets/` is a family of datasets: it has `NAMES: dict[str, Facts]` and
`build(name, settings) -> Task`; SETTINGS are the keys of `settings` that it reads, () by default. No torch here: the
Snakefile imports this module.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from methods.listing import modules
from methods.vocabulary import Kind, Objective
from workflow import variants
from workflow.errors import UserError
from workflow.task import Task

FOLDER = Path(__file__).resolve().parent / "datasets"


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset without its data; preparation fails where the data disagree.

    Attributes:
        metric: name of an entry of `reports.metrics`.
        outputs: classes, or tasks of a graph-level dataset.
        features: columns of the (target type's) features; for graph tasks the encoders decide.
        title: as printed in tables.
        info: the part of `Task.info` that sizes a model (vocabularies; node counts of featureless types; relations).
        embedded: needs no download beyond the installed packages.
        memory_mb: MiB to ask of a cluster for one job, preparation or training.
    """

    kind: Kind
    objective: Objective
    metric: str
    outputs: int
    features: int
    title: str
    info: dict[str, Any] = field(default_factory=dict)
    embedded: bool = False
    memory_mb: int = 4096


@cache
def _owners() -> dict[str, tuple[str, Facts]]:
    return {
        name: (loader, facts)
        for loader in modules(FOLDER)
        for name, facts in importlib.import_module(f"workflow.datasets.{loader}").NAMES.items()
    }


def available() -> list[str]:
    """Ids of all datasets, sorted, without their variants (`workflow.variants`)."""
    return sorted(_owners())


def loader(name: str) -> str:
    """Name of the file in `workflow/datasets/` that builds a dataset or a variant of it."""
    return _owners()[variants.parse(name)[0]][0]


def settings(name: str) -> tuple[str, ...]:
    """Keys of a config's `data` section that this dataset's loader reads."""
    found: tuple[str, ...] = getattr(importlib.import_module(f"workflow.datasets.{loader(name)}"), "SETTINGS", ())
    return found


def state(name: str) -> str:
    """What a dataset rests on beside its loader's code and settings, as a digest; "" for nothing."""
    module = importlib.import_module(f"workflow.datasets.{loader(name)}")
    return str(module.state(variants.parse(name)[0])) if hasattr(module, "state") else ""


def facts(name: str) -> Facts:
    """What is known of a dataset or a variant of it; raises UserError for an unknown name."""
    owners = _owners()
    dataset, variant = variants.parse(name)
    if dataset not in owners:
        raise UserError(f"unknown dataset '{dataset}'; allowed: {', '.join(sorted(owners))}")
    found = owners[dataset][1]
    variant.check(found.kind, found.objective)
    return replace(found, title=variant.title(found.title))


def columns(task: Task) -> int:
    """Columns of the (target type's) features of a task; 0 for a type that has none."""
    target = f"/{task.info['target']}" if task.kind == Kind.HETEROGENEOUS else ""
    features = task.arrays.get(f"features{target}")
    return 0 if features is None else features.shape[1]


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Prepares a dataset, or a variant of it, from its raw files.

    Args:
        settings: the config's `data` section (where raw files may lie).

    Raises:
        UserError: raw files that are missing, broken, or disagree with the catalogue.
    """
    wanted = facts(name)
    dataset, variant = variants.parse(name)
    loader = importlib.import_module(f"workflow.datasets.{_owners()[dataset][0]}")
    task: Task = loader.build(dataset, settings).finish()
    found = (task.kind, task.objective, task.metric, task.outputs, columns(task), task.info)
    known = (wanted.kind, wanted.objective, wanted.metric, wanted.outputs, wanted.features, wanted.info)
    for there, should in zip(found, known, strict=True):
        if there != should:
            raise UserError(f"{name}: the raw files hold {there}, but {should} belongs there")
    return task if name == dataset else variant.apply(task).finish()
