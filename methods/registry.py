"""Finds methods by listing files: a method's id is its file's name. Called by the Snakefile and the training loop."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods import listing, plugins
from methods.listing import Listing
from methods.spelling import suggest

if TYPE_CHECKING:
    from methods.contract import Method, Shape
    from methods.spaces import Values
    from methods.vocabulary import Extra

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("abkd", "baselines")
OWN = "baselines"
"""The package that plug-ins' methods belong to."""
COMPOSE = "+"
REFERENCES = Path(__file__).with_name("references.bib")


def _listed() -> Listing:
    return _found(plugins.active())


@plugins.kept
def _found(active: tuple[Path, ...]) -> Listing:
    """Of the repository and of the plug-ins in use, which are the argument."""
    return listing.listed(folders(), "define the method", lambda stem: stem.replace("_", "-"))


def folders() -> tuple[Path, ...]:
    """Where methods lie: of the repository, and of the plug-ins in use."""
    return (*(ROOT / package for package in PACKAGES), *plugins.folders(OWN))


def _package(path: Path) -> str:
    return plugins.package_of(path) or path.parent.name


def available() -> list[str]:
    """Ids of all methods, sorted; those in `clashes` cannot be used. Imports nothing."""
    return list(_listed().files)


def clashes() -> dict[str, str]:
    """Id -> one line that names both files, where two define a method."""
    return _listed().clashes


def parts(method: str) -> list[str]:
    """The ids that a composed id such as `kd+gcrd` is made of.

    Raises:
        ValueError: an id is not known, is named twice, or is that of two files.
    """
    names = method.split(COMPOSE)
    for name in names:
        if name not in _listed().files:
            raise ValueError(f"unknown method '{name}'{suggest(name, available())}; allowed: {', '.join(available())}")
        _listed().file(name)
    if len(set(names)) < len(names):
        raise ValueError(f"'{method}' names a method twice")
    return names


def modules(method: str) -> list[str]:
    """Names of the modules that define a method, one for each part."""
    return [f"{_package(path)}.{path.stem}" for path in map(_listed().file, parts(method))]


def file(method: str) -> Path:
    """The file of one (not composed) method.

    Raises:
        ValueError: the id is not known, or composed.
    """
    names = parts(method)
    if len(names) > 1:
        raise ValueError(f"'{method}' composes {len(names)} methods; name one of: {', '.join(names)}")
    return _listed().file(method)


def load(method: str) -> type[Method]:
    """The class of one (not composed) method.

    Raises:
        ValueError: the id is not known, its file cannot be imported or defines no class or several, or its class
            fixes what is no hyperparameter.
    """
    from methods.contract import Method

    path = file(method)
    module = listing.load(path, _package(path))
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise ValueError(f"{listing.shown(path)} must define exactly one Method, found {len(classes)}")
    (cls,) = classes
    for key in cls.fixed:
        if key not in _keywords(cls):
            what = f"fixes '{key}', which is no hyperparameter{suggest(key, _keywords(cls))}"
            raise ValueError(f"{method}: {what}; allowed: {_list(_keywords(cls))}")
    return cls


def _keywords(cls: type[Method]) -> dict[str, Any]:
    """Name -> default of every keyword-only argument, fixed or not."""
    arguments = inspect.signature(cls.__init__).parameters.values()
    return {a.name: a.default for a in arguments if a.kind is inspect.Parameter.KEYWORD_ONLY}


def settable(cls: type[Method]) -> dict[str, Any]:
    """Name -> default of every hyperparameter of a class that it does not fix."""
    return {name: default for name, default in _keywords(cls).items() if name not in cls.fixed}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def defaults(method: str) -> dict[str, Any]:
    """Published default of every hyperparameter that can be set; a variant leaves out those that it fixes.

    Those of a composed method are nested under the ids of its parts.
    """
    return _by_part(method, settable)


def search_space(method: str) -> dict[str, Any]:
    """What tuning tries of every hyperparameter that has a search space; a variant leaves out those that it fixes.

    Those of a composed method are nested under the ids of its parts.
    """
    return _by_part(method, searched)


def _by_part(method: str, of: Callable[[type[Method]], dict[str, Any]]) -> dict[str, Any]:
    """What `of` gives for the class of a method; for a composed one by the ids of its parts."""
    names = parts(method)
    return of(load(method)) if len(names) == 1 else {name: of(load(name)) for name in names}


def searched(cls: type[Method]) -> dict[str, Values]:
    """The search space of a class, without what it fixes."""
    return {name: values for name, values in cls.search_space.items() if name not in cls.fixed}


def describe(method: str) -> dict[str, Any]:
    """Title, year, citation keys, BibTeX entries and group of a method (composed ones too), for tables."""
    classes = [load(name) for name in parts(method)]
    return {
        "title": " + ".join(cls.title for cls in classes),
        "year": max(cls.year for cls in classes),
        "citations": [cls.citation for cls in classes],
        "bibtex": [(_references() | entries(cls.bibtex)).get(cls.citation, "") for cls in classes],
        "group": _group(classes),
    }


def _group(classes: list[type[Method]]) -> str:
    """Of the main table's rows, as the field has them: a composition with soft targets has a group of its own."""
    if all(cls.control for cls in classes):
        return "Controls"
    teaching = [cls for cls in classes if cls.uses_teacher]
    if not teaching:
        return "Supervised"
    soft = any(not cls.uses_hidden for cls in teaching)
    return "KD + distillation" if soft and len(teaching) > 1 else "Distillation"


@cache
def _references() -> dict[str, str]:
    return entries(REFERENCES.read_text(encoding="utf-8"))


def entries(bibtex: str) -> dict[str, str]:
    """Key -> entry of a BibTeX file whose entries end with a brace at the start of a line."""
    return {found[1]: found[0] for found in re.finditer(r"^@\w+\{([^,\s]+),.*?^\}", bibtex, flags=re.M | re.S)}


def taught(method: str) -> bool:
    """Whether some part of a method learns from the teacher."""
    return any(load(name).uses_teacher for name in parts(method))


def teacher_extras(method: str) -> list[Extra]:
    """What a method, or any part of it, asks of the teacher beside its signals."""
    return sorted({extra for name in parts(method) for extra in load(name).teacher_extras})


def uses_edges(method: str) -> bool:
    """Whether some part of a method reads the edges among the rows."""
    return any(load(name).uses_edges for name in parts(method))


def labels_apart(method: str) -> bool:
    """Whether some part of a method wants an optimizer step of the labels' loss alone."""
    return any(load(name).labels_apart for name in parts(method))


def own_size(method: str) -> bool:
    """Whether a method's teacher is a network of the student's own size.

    Raises:
        ValueError: only some parts of a composition have such a teacher.
    """
    return _alike(method, "own_size", "of a large teacher with methods of one of the student's size")


def exchanged(method: str) -> bool:
    """Whether a method's teacher has exchanged its logits between rows.

    Raises:
        ValueError: only some parts of a composition have such a teacher.
    """
    return _alike(method, "exchanged", "of a teacher with methods of one whose rows are exchanged")


def _alike(method: str, declared: str, mixed: str) -> bool:
    """What all parts of a method declare. Raises ValueError, in the words of `mixed`, where they differ."""
    wanted = {getattr(load(name), declared) for name in parts(method)}
    if len(wanted) > 1:
        raise ValueError(f"'{method}' mixes methods {mixed}")
    found: bool = wanted.pop()
    return found


def epochs_factor(method: str) -> int:
    """How many times the usual epochs a method, or the longest part of it, trains for."""
    return max(load(name).epochs_factor for name in parts(method))


def create(method: str, *, teacher: Shape, student: Shape, **hyperparameters: Any) -> Method:
    """Builds a method, or a composition such as `kd+gcrd`, for a pair of networks.

    Args:
        method: an id of `available()`, or several joined by `+`.
        teacher, student: widths of the two networks.
        hyperparameters: of the method; for a composition one mapping per id, e.g. `gcrd={"beta": 0.01}`.

    Raises:
        ValueError: unknown id, a hyperparameter that is unknown or that a variant fixes, or a value that the method
            refuses.
    """
    names = parts(method)
    if len(names) > 1:
        from methods.composition import Composition

        exchanged(method)  # refuses a mixture
        for key, value in hyperparameters.items():
            if key not in names or not isinstance(value, dict):
                raise ValueError(f"{method}: '{key}' must be a mapping under one of: {', '.join(names)}")
        return Composition(
            teacher,
            student,
            {n: create(n, teacher=teacher, student=student, **hyperparameters.get(n, {})) for n in names},
        )
    cls = load(method)
    known = settable(cls)
    for key, value in hyperparameters.items():
        if key in cls.fixed:
            why = f"this variant fixes '{key}' to {cls.fixed[key]!r}"
            raise ValueError(f"{method}: {why}; allowed: {_list(known)}")
        if key not in known:
            what = f"unknown hyperparameter '{key}'{suggest(key, known)}"
            raise ValueError(f"{method}: {what}; allowed: {_list(known)}")
        if value is None and known[key] is not None:
            raise ValueError(f"{method}: {key} has no value; the default is {known[key]!r}")
    return cls(teacher, student, **cls.fixed, **hyperparameters)


def skip(method: str, task: Any, teacher: Shape, student: Shape) -> str | None:
    """The first reason for which a part of the method cannot be applied, or None."""
    for name in parts(method):
        reason = load(name).skip(task, teacher, student)
        if reason:
            return f"{name}: {reason}"
    return None
