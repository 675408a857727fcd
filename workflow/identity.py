"""What a training's numbers rest on; imports no torch.

Its digest names the training's folder, so that no old number can stand for a new one, whatever Snakemake remembers.
"""

from __future__ import annotations

import importlib.metadata
from functools import cache
from pathlib import Path

import methods
from methods import plugins
from methods.vocabulary import Extra
from workflow import catalog, sources
from workflow.files import digest
from workflow.specs import CellSpec, Strict, TeacherSpec

COMPUTING = ("torch", "numpy", "scipy")
COMPUTES = {Extra.CLUSTERS: "networkx"}
"""Extra of a teacher -> the package that computes it beside these."""
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
    """Digest of a training's spec, of the code behind it, of what it computes with, and of its threads."""
    more = [version for name in getattr(spec, "extras", ()) for version in computed_by(name).values()]
    return digest([spec.model_dump(mode="json"), code(spec), _versions() + more, threads])[:LENGTH]


def computed_by(extra: str) -> dict[str, str]:
    """Package -> version, of what computes a teacher's extra beside COMPUTING."""
    return {name: importlib.metadata.version(name) for known, name in COMPUTES.items() if known == extra}


@cache
def _versions() -> list[str]:
    """Of the packages that compute, without what they were built for: `Basis.device` tells a GPU from a CPU."""
    return [importlib.metadata.version(name).split("+")[0] for name in COMPUTING]


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
