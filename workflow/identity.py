"""What a training's numbers rest on; imports no torch.

Its digest names the training's folder, so that no old number can stand for a new one, whatever Snakemake remembers.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import methods
from methods import plugins
from methods.vocabulary import Extra
from workflow import catalog, sources
from workflow.files import digest
from workflow.specs import CellSpec, Strict, TeacherSpec

COMPUTES = {Extra.CLUSTERS: "networkx"}
"""Extra of a teacher -> the package that computes it."""
ASIDE = {"psutil", "pydantic", "safetensors", "threadpoolctl", "tqdm", *COMPUTES.values()}
"""What the code of networks and of training imports and no number of theirs comes from, or an extra's alone."""
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "triton": "torch",
    **{name: name for name in ("networkx", "numpy", "scipy", "torch")},
}
"""Package, as it is imported -> what it is installed with; of others it is looked up."""
LENGTH = 12
"""Hexadecimal digits of a folder's name."""


class Basis(Strict):
    """All that a training rests on; two trainings of one basis and one seed give the same numbers.

    Attributes:
        training: `of` the spec: hyperparameters, code, threads.
        data: fingerprint of the task.
        teacher: digest of what the teacher knows, "" where there is none.
        device: type of the device, such as "cpu".
    """

    training: str
    data: str
    teacher: str
    device: str


def of(spec: TeacherSpec | CellSpec, threads: int) -> str:
    """Digest of a training's spec, of the code behind it, of the packages that these import, and of its threads."""
    more = [version for name in getattr(spec, "extras", ()) for version in computed_by(name).values()]
    return digest([spec.model_dump(mode="json"), code(spec), versions(spec), more, threads])[:LENGTH]


def computed_by(extra: str) -> dict[str, str]:
    """Package -> version, of what computes a teacher's extra."""
    return {name: _version(name) for known, name in COMPUTES.items() if known == extra}


def versions(spec: TeacherSpec | CellSpec) -> dict[str, str]:
    """Package -> version, of all that a training's code imports from elsewhere and computes with."""
    found = packages("training", str(spec.model["model"]))
    if isinstance(spec, CellSpec):
        for name in sources.imported("method", *methods.modules(spec.method_id)):
            found[name] = _version(name)
    return dict(sorted(found.items()))


def packages(kind: str, *modules: str) -> dict[str, str]:
    """Package -> version, of all that such code imports from elsewhere and computes with (`sources.imported`)."""
    return {name: _version(name) for name in sorted(sources.imported(kind, *modules) - ASIDE)}


@cache
def _version(package: str) -> str:
    """Without what it was built for: `Basis.device` tells a GPU from a CPU. "" where it is not installed."""
    names = [DISTRIBUTIONS[package]] if package in DISTRIBUTIONS else _distributions().get(package, [])
    return " ".join(importlib.metadata.version(name).split("+")[0] for name in sorted(set(names)))


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Takes a quarter of a second, which the packages that every training needs do not wait for."""
    return importlib.metadata.packages_distributions()


def code(spec: TeacherSpec | CellSpec) -> str:
    """Digest of the code that trains a teacher or a cell."""
    trained = sources.digest("training", str(spec.model["model"]))
    return trained + sources.of_method(spec.method_id) if isinstance(spec, CellSpec) else trained


def plugged(spec: TeacherSpec | CellSpec) -> list[Path]:
    """The files of plug-ins that a training rests on."""
    if not plugins.active():
        return []
    found = sources.followed("training", str(spec.model["model"]))
    found += sources.followed("data", catalog.loader(spec.dataset))
    if isinstance(spec, CellSpec):
        found += sources.followed("method", *methods.modules(spec.method_id))
    return [file for file in found if any(file.is_relative_to(folder) for folder in plugins.active())]
