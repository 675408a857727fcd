"""Which datasets there are, and the facts that a config can be checked against before anything is downloaded.

A file of `workflow/datasets/` is a family of datasets: it has `NAMES: dict[str, Facts]` and
`build(name, settings) -> Task`; SETTINGS are the keys of `settings` that it reads, () by default. No torch here: the
Snakefile imports this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from methods import plugins
from methods.listing import everywhere, load, shown
from methods.vocabulary import Kind, Objective
from workflow import variants
from workflow.errors import UserError
from workflow.task import Task

FOLDER = Path(__file__).resolve().parent / "datasets"
PACKAGE = "workflow.datasets"
ID = r"[a-z0-9][a-z0-9.-]{0,60}"
"""Of a dataset: it stands in paths and in rules."""


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset without its data; preparation fails where the data disagree.

    Attributes:
        metric: name of an entry of `reports.metrics`.
        outputs: classes, or targets of another objective.
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


def _owners() -> dict[str, tuple[str, Facts]]:
    return _found(plugins.active())[0]


def broken() -> list[str]:
    """One line for every file of datasets that cannot be used; the others can be."""
    return _found(plugins.active())[1]


@plugins.kept
def _found(active: tuple[Path, ...]) -> tuple[dict[str, tuple[str, Facts]], list[str]]:
    """Dataset -> its file and facts, of the repository and of the plug-ins in use, which are the argument."""
    found: dict[str, tuple[str, Facts]] = {}
    listing = everywhere(FOLDER, PACKAGE)
    faults = list(listing.clashes.values())
    ordered = sorted(listing.files.items(), key=lambda item: item[1].parent != FOLDER)  # a plug-in takes no id of ours
    for stem, path in ordered:
        if stem in listing.clashes and path.parent != FOLDER:
            continue
        try:
            for name, facts in names(path).items():
                if name in found:
                    raise ValueError(f"{shown(path)}: NAMES: {name}: is a dataset of {found[name][0]}.py already")
                found[name] = (stem, facts)
        except ValueError as error:
            faults.append(str(error))
    return found, faults


def names(path: Path) -> dict[str, Facts]:
    """The facts of all datasets that a file defines.

    Raises:
        ValueError: one line that names the file, where it cannot be imported or states no facts.
    """
    module = load(path, PACKAGE)
    found = getattr(module, "NAMES", None)
    if not isinstance(found, dict) or not callable(getattr(module, "build", None)):
        raise ValueError(f"{shown(path)}: must have NAMES, a mapping of ids to Facts, and build(name, settings)")
    for name, facts in found.items():
        if not isinstance(name, str) or not re.fullmatch(ID, name):
            raise ValueError(f"{shown(path)}: NAMES: {name!r}: an id has small letters, digits, . and -, at most 61")
        if not isinstance(facts, Facts):
            raise ValueError(f"{shown(path)}: NAMES: {name}: must be Facts, not {type(facts).__name__}")
        for what, allowed in (("kind", Kind), ("objective", Objective)):
            if (stated := getattr(facts, what)) not in list(allowed):
                where = f"{shown(path)}: NAMES: {name}"
                raise ValueError(f"{where}: {what} = {stated!r}; allowed: {', '.join(allowed)}")
    return found


def files() -> dict[str, Path]:
    """Name -> file of every family, of `datasets/` and of plug-ins."""
    return everywhere(FOLDER, PACKAGE).files


def clashes() -> dict[str, str]:
    """Name -> one line that names both files, where two have it. Only the repository's own is then used."""
    return everywhere(FOLDER, PACKAGE).clashes


def _module(loader: str) -> ModuleType:
    return load(files()[loader], PACKAGE)


def available() -> list[str]:
    """Ids of all datasets, sorted, without their variants (`workflow.variants`)."""
    return sorted(_owners())


def loader(name: str) -> str:
    """Name of the file in `workflow/datasets/`, or of a plug-in, that builds a dataset or a variant of it."""
    return _owners()[variants.parse(name)[0]][0]


def settings(name: str) -> tuple[str, ...]:
    """Keys of a config's `data` section that this dataset's loader reads."""
    return _settings(loader(name))


def _settings(loader: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(_module(loader), "SETTINGS", ())
    return found


def all_settings() -> set[str]:
    """Keys of `data` that any loader reads."""
    loaders = {loader for loader, _ in _found(plugins.active())[0].values()}
    return {key for loader in loaders for key in _settings(loader)}


def state(name: str) -> str:
    """What a dataset rests on beside its loader's code and settings, as a digest; "" for nothing."""
    module = _module(loader(name))
    return str(module.state(variants.parse(name)[0])) if hasattr(module, "state") else ""


def facts(name: str) -> Facts:
    """What is known of a dataset or a variant of it; raises UserError for an unknown name."""
    owners = _owners()
    dataset, variant = variants.parse(name)
    if dataset not in owners:
        left_out = "".join(f"; left out: {line}" for line in broken())
        raise UserError(f"unknown dataset '{dataset}'; allowed: {', '.join(sorted(owners))}{left_out}")
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
    made = _module(_owners()[dataset][0]).build(dataset, settings)
    if not isinstance(made, Task):
        raise UserError(f"{name}: build must return a Task, not {type(made).__name__}")
    task = made.finish()
    for what in ("kind", "objective", "metric", "outputs", "features", "info"):
        there, should = columns(task) if what == "features" else getattr(task, what), getattr(wanted, what)
        if there != should:
            raise UserError(f"{name}: {what}: the raw files hold {there}, but {should} belongs there")
    return task if name == dataset else variant.apply(task).finish()
