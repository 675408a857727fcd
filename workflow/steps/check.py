"""`abkd-bench check`: judges methods, networks and datasets, each in plain sentences."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import methods
from methods import plugins, registry, spaces
from methods.listing import ANY_ERROR, modules, shown
from workflow import catalog, unwatched
from workflow.errors import UserError
from workflow.models import listing
from workflow.schemas.configuration import Tune

KINDS = {"methods": "method", "networks": "network", "datasets": "dataset"}
"""Folder of a plug-in -> what its files are."""
OWN = {
    plugins.ROOT / "abkd": "method",
    plugins.ROOT / "baselines": "method",
    listing.FOLDER: "network",
    catalog.FOLDER: "dataset",
}


def judged(what: str) -> Iterator[tuple[str, str, list[str]]]:
    """What is meant by a name, a file or a folder of plug-ins: kind, id and faults of each.

    Raises:
        UserError: it is nothing that can be checked.
    """
    path = Path(what).expanduser().resolve()
    if path.is_dir() and any((path / kind).is_dir() for kind in KINDS):
        _use(path)
        for below, kind in KINDS.items():
            for file in sorted((path / below).glob("[!.]*.py")):
                if not file.stem.isidentifier():
                    yield kind, file.stem, [_unnameable(file)]
            for stem in modules(path / below):
                yield from _file(kind, stem)
    elif path.is_file() or what.endswith(".py"):
        if not path.is_file():
            raise UserError(f"{what}: there is no such file")
        if not path.stem.isidentifier():
            raise UserError(_unnameable(what))
        yield from _file(_kind(path), path.stem)
    else:
        plugins.use([], Path())
        yield from _named(what)


def _unnameable(file: Path | str) -> str:
    return f"{file}: a file's name has letters, digits and _, and begins with a letter"


def _use(folder: Path) -> None:
    try:
        plugins.use([str(folder)], Path())
    except ValueError as error:
        raise UserError(str(error)) from error


def _kind(path: Path) -> str:
    """Of a file, by its folder, which is taken into use where it is a plug-in's."""
    if path.parent in OWN:
        plugins.use([], Path())
        return OWN[path.parent]
    if path.parent.name not in KINDS:
        allowed = ", ".join(f"{kind}/" for kind in KINDS)
        raise UserError(f"{path}: its folder must say what it is; allowed: {allowed} (abkd-bench new --into makes one)")
    _use(path.parent.parent)
    return KINDS[path.parent.name]


def _file(kind: str, stem: str) -> Iterator[tuple[str, str, list[str]]]:
    """All that a file defines; one that cannot be loaded has its one line."""
    if kind != "dataset":
        yield _one(kind, stem.replace("_", "-") if kind == "method" else stem)
        return
    if stem in catalog.clashes():
        yield kind, stem, [catalog.clashes()[stem]]
        return
    path = catalog.files()[stem]
    try:
        names = list(catalog.names(path))
    except ValueError as error:
        yield kind, stem, [str(error)]
        return
    for name in names:
        if name in catalog.available() and catalog.loader(name) == stem:
            yield _one(kind, name)
        else:
            yield kind, name, [line for line in catalog.broken() if line.startswith(str(shown(path)))]


def _named(name: str) -> Iterator[tuple[str, str, list[str]]]:
    """All that has this id. Raises UserError where nothing has."""
    known = {"method": methods.available(), "network": listing.available(), "dataset": catalog.available()}
    kinds = [kind for kind, ids in known.items() if name in ids]
    stem = name.replace("-", "_")
    if not kinds and stem in known["network"]:  # `abkd-bench new` takes either
        name, kinds = stem, ["network"]
    families = [file for file in catalog.files() if stem == file and "dataset" not in kinds]
    if not kinds and not families:
        if registry.COMPOSE in name:
            raise UserError(f"'{name}' composes methods; name one of them")
        near = difflib.get_close_matches(name, [each for ids in known.values() for each in ids], n=3)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        allowed = "the id of a method, network or dataset of the repository, or a file or folder of your own"
        raise UserError(f"unknown '{name}'{hint}; allowed: {allowed}")
    for kind in kinds:
        yield _one(kind, name)
    for file in families if not kinds else []:
        yield from _file("dataset", file)


def _one(kind: str, name: str) -> tuple[str, str, list[str]]:
    before = set(sys.modules)
    try:
        faults = _faults(kind)(name)
        strange = unwatched.told(_works(kind, name), set(sys.modules) - before)
        return kind, name, [*faults, *(f"{name}: {line}" for line in strange)]
    except ANY_ERROR as error:  # of a file that cannot be loaded
        return kind, name, [" ".join(str(error).split())]


def _works(kind: str, name: str) -> unwatched.Works:
    if kind == "method":
        return {"method": methods.modules(name)}
    return {"training": [name]} if kind == "network" else {"data": [catalog.loader(name)]}


def _faults(kind: str) -> Callable[[str], list[str]]:
    if kind == "dataset":
        from workflow.checking import datasets

        return datasets.faults
    if kind == "network":
        from workflow.checking import networks

        return networks.faults
    from methods import testing

    return testing.faults


def remarks(kind: str, name: str) -> Iterator[str]:
    """What breaks nothing of the contract, and may not be meant."""
    space = methods.search_space(name) if kind == "method" else {}
    trials = Tune.model_fields["trials"].default
    values = len(spaces.design(spaces.flat(space), spaces.flat(methods.defaults(name)), trials)) if space else trials
    if values < trials:
        what = f"search_space holds {values} values: fewer trials than the default {trials}"
        yield f"{name}: {what} (a range, LogRange of methods.spaces, has enough)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument(
        "what", nargs="+", help="ids of methods, networks or datasets; files of them; folders of your own"
    )


def call(arguments: argparse.Namespace) -> None:
    """One line for everything that is whole, and one for every fault; a fault of one hides no other.

    Raises:
        SystemExit: exit code 1, with the faults on standard error.
    """
    broken = []
    for what in arguments.what:
        try:
            for kind, name, faults in judged(what):
                broken += faults
                if not faults:
                    print(f"{name}: a {kind} that keeps the contract")
                    for line in remarks(kind, name):
                        print(f"remark: {line}")
        except UserError as error:
            broken.append(str(error))
    if broken:
        sys.exit("\n".join(f"error: {line}" for line in broken))
