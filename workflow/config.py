"""Reads and checks a configuration. Imports no torch, so that Snakemake starts quickly."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import methods
from methods import plugins
from methods.spelling import as_number, near, number_in, suggest
from workflow import catalog
from workflow.errors import UserError
from workflow.models import listing as networks
from workflow.places import shortened
from workflow.schemas import plain
from workflow.schemas.configuration import PATTERNS, TUNED, Configuration, tuned_label
from workflow.schemas.plain import shown
from workflow.specs import Hyperparameters
from workflow.yaml_files import BoundedLoader, parse, whole

RESERVED = "teacher"
"""Label of the teachers' rows."""
WORDS = {
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "dictionary": "mapping",
    "valid ": "",
    "a integer": "an integer",
}
"""What stands in this project's messages for pydantic's words."""


def load(path: Path | str) -> Configuration:
    """The configuration in a file, checked. Raises UserError."""
    return _checked(whole(parse(path), path), str(path))


def complete(raw: object, where: str) -> Configuration:
    """Checks a configuration.

    Args:
        raw: as Snakemake gives it. What its command line changes comes with every value as text, `{epochs: '5'}` of
            `--config 'training={epochs: 5}'`: texts that the file does not state are therefore read as YAML.
        where: the file's name.

    Raises:
        UserError: unknown key, wrong type, unknown id, a value out of bounds; one line with the key and what is
            allowed.
    """
    plain.check(raw, where)
    if Path(where).is_file():
        raw = whole(_read_texts(raw, parse(where)), where)
    return _checked(raw, where)


def again(raw: object, where: str) -> Configuration:
    """A configuration that was checked before, as it was written down then: whole, and no text of it is YAML.

    Raises:
        UserError: it does not hold here any more.
    """
    return _checked(raw, where)


def _read_texts(value: object, stated: object) -> object:
    """The value with its texts read as YAML, except for those that stand at the same place in the file."""
    if isinstance(value, dict):
        known = stated if isinstance(stated, dict) else {}
        return {key: _read_texts(part, known.get(key)) for key, part in value.items()}
    if isinstance(value, list):
        return value if value == stated else [_read_texts(part, None) for part in value]
    if not isinstance(value, str) or value == stated:
        return value
    if "#" in value:  # a colour, and no comment
        return value
    try:
        return yaml.load(value, BoundedLoader)  # a safe loader
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, RecursionError):
        return value  # is refused where a text does not belong


def _checked(raw: object, where: str) -> Configuration:
    plain.check(raw, where)
    if not isinstance(raw, dict):
        raise UserError(f"{where}: must be a mapping of keys, see config/README.md")
    try:
        config = Configuration.model_validate(raw)
    except ValidationError as error:
        first = _first(error.errors())
        raise UserError(f"{where}: {_in_one_line(first)}{_hint(raw, first)}") from error
    _use_plugins(config, where)
    _check_labels(config, where)
    _check_names(config, where)
    _check_tuning(config, where)
    return config


def _use_plugins(config: Configuration, where: str) -> None:
    """Raises UserError: there is no such folder."""
    try:
        plugins.use(config.plugins, Path(where).parent)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def _first(errors: list[ErrorDetails]) -> ErrorDetails:
    """What is told of several mistakes. Where a key is missing, an unknown one beside it may be that key misspelt."""
    first, *others = errors
    beside = [one for one in others if one["type"] == "extra_forbidden" and one["loc"][:-1] == first["loc"][:-1]]
    return beside[0] if beside and first["type"] == "missing" else first


def _in_one_line(error: ErrorDetails) -> str:
    """KEY: what is wrong, and what is allowed."""
    *parents, last = error["loc"] or ("",)
    key = plain.key_of([part for part in error["loc"] if part != "[key]"])
    value = error["input"]
    if error["type"] == "missing":
        free = near(str(last), set(value) - set(_model_at(parents).model_fields))
        return f"{key}: is missing{f' (is it {free!r}, which stands there?)' if free else ''}"
    if error["type"] == "extra_forbidden":
        allowed = sorted(_model_at(parents).model_fields)
        return f"{key}: unknown key{suggest(str(last), allowed)}; allowed: {', '.join(allowed)}"
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"
    if error["type"] == "string_pattern_mismatch":
        letters = "small letters, digits and . - (in methods also +), at most 100"
        named = f"a name holds {letters}, and begins with a letter or digit"
        return f"{key}: {named if error['ctx']['pattern'] in PATTERNS else 'must be one line of text'}"
    if error["type"] in ("too_short", "string_too_short"):
        return f"{key}: must not be empty"
    message = re.sub(r"^Input should be | or instance of \w+", "", error["msg"])
    for long, short in WORDS.items():
        message = message.replace(long, short)
    return f"{key}: must be {message}, not {shown(value)}"


def _hint(raw: object, error: ErrorDetails) -> str:
    """What to write in place of a text whose number would be allowed there."""
    text, (*parents, last) = error["input"], error["loc"] or ("",)
    if (number := number_in(text)) is None:
        return ""
    place: Any = (changed := copy.deepcopy(raw))
    with contextlib.suppress(LookupError, TypeError):  # of a place that is no value's, such as a key
        for part in parents:
            place = place[part]
        place[last] = number
    try:
        Configuration.model_validate(changed)
    except ValidationError as again:
        if any(one["loc"] == error["loc"] for one in again.errors()):
            return ""
    return as_number(text)


def _model_at(path: Iterable[int | str]) -> type[BaseModel]:
    """The model that an entry of a configuration is checked by."""
    place: Any = Configuration
    for part in path:
        place = _without_none(place)
        if isinstance(place, type) and issubclass(place, BaseModel):
            place = place.model_fields[str(part)].annotation
        else:  # of a list, or of a mapping's values
            place = get_args(place)[-1]
    found: type[BaseModel] = _without_none(place)
    return found


def _without_none(annotation: Any) -> Any:
    """X of `X | None`."""
    return next(
        (part for part in get_args(annotation) if NoneType in get_args(annotation) and part is not NoneType), annotation
    )


def _known(
    name: str, allowed: Iterable[str], where: str, what: str, clashes: Mapping[str, str] = MappingProxyType({})
) -> None:
    if name in clashes:
        raise UserError(f"{where}: {clashes[name]}")
    names = sorted(allowed)
    if name not in names:
        raise UserError(f"{where}: unknown {what} {shown(name)}{suggest(name, names)}; allowed: {', '.join(names)}")


def _all_known(names: Iterable[str], allowed: Iterable[str], where: str, what: str) -> None:
    for name in names:
        _known(name, allowed, where, what)


def _check_labels(config: Configuration, where: str) -> None:
    """Raises UserError for a label that is kept, names no method, or is the id of another one."""
    for label in config.methods:
        if label == RESERVED:
            raise UserError(f"{where}: methods.{label}: this label is kept for the teachers' rows")
        parts, named = config.method_id(label).split("+"), label.split("+")
        for part in parts:
            _known(part, methods.available(), f"{where}: methods.{label}", "method", methods.clashes())
        if sorted(named) != sorted(parts) and set(named) <= set(methods.available()):
            told = f"this label is the id of another method than {'+'.join(parts)}"  # tables would show that as it
            raise UserError(f"{where}: methods.{label}.method: {told}; give it a label that is no id")


def _check_names(config: Configuration, where: str) -> None:
    """Raises UserError for an id that nothing has."""
    for key in config.data.model_extra or ():
        if key not in (roots := sorted(catalog.all_settings())):
            raise UserError(f"{where}: data.{key}: unknown key{suggest(key, roots)}; allowed: {', '.join(roots)}")
    for name, network in config.models.items():
        here = f"{where}: models.{name}.model"
        _known(network.model, networks.available(), here, "model", networks.clashes())
    labels = [*config.methods, *(tuned_label(label) for label in config.methods if config.tuned)]
    for key, named in (("reference", [config.reference]), ("spotlight", config.spotlight)):
        _all_known(named, labels, f"{where}: {key}", "method")
    datasets = [experiment.distilled(config.distill_on) for experiment in config.experiments]
    select = config.report.select
    for key, names, known in (("method", select.methods, [RESERVED, *labels]), ("dataset", select.datasets, datasets)):
        _all_known(names, known, f"{where}: report.select.{key}s", key)
    _all_known(config.report.titles, [*labels, *datasets], f"{where}: report.titles", "method or dataset")
    students = [student for experiment in config.experiments for student in experiment.students]
    ratios = [f"{ratio:g}" for student in students for ratio in student.ratios or ()]
    if all(student.ratios for student in students):  # what ratio a width comes to is known at the end alone
        _all_known([f"{ratio:g}" for ratio in select.ratios], ratios, f"{where}: report.select.ratios", "ratio")
    for number, experiment in enumerate(config.experiments):
        here = f"{where}: experiments[{number}]"
        try:
            _known(experiment.dataset, catalog.available(), f"{here}.dataset", "dataset")
        except UserError as error:
            raise UserError("; left out: ".join([str(error), *catalog.broken()])) from error
        try:
            facts = catalog.facts(experiment.task)
            # An id has no place for what is without effect, and trials of tuning have no test labels.
            replace(experiment.variant, blind=config.tune is not None).check(facts.kind, facts.objective)
        except UserError as error:
            raise UserError(f"{here}.{error}") from error
        _all_known(experiment.teachers, config.models, f"{here}.teachers", "model")
        for index, student in enumerate(experiment.students):
            _known(student.model, config.models, f"{here}.students[{index}].model", "model")
        chosen = config.chosen(experiment)
        _all_known(chosen, config.methods, f"{here}.methods", "method")
        if config.reference not in (*chosen, *map(tuned_label, chosen)):
            raise UserError(f"{here}.methods: must hold the reference '{config.reference}'")


def _check_tuning(config: Configuration, where: str) -> None:
    """Raises UserError where tuning would see a reported seed, or a label is taken."""
    for label in config.methods:
        if (config.tune or config.tuned) and label.endswith(TUNED):
            raise UserError(f"{where}: methods.{label}: labels that end in {TUNED} are kept for tuned values")
    if config.tune is None:
        return
    if "{" in where or "}" in where:
        raise UserError(f"{where}: tune: a file is written beside the configuration, whose path must hold no {{ or }}")
    for label in config.tune.methods or ():
        _known(label, config.methods, f"{where}: tune.methods", "method")
    if wrong := config.overlap(config.tune.tried):
        raise UserError(f"{where}: tune: {wrong}; give another tune.first_seed")


def merged(*levels: Hyperparameters) -> Hyperparameters:
    """Hyperparameters of several levels: later ones win, in a composition part by part."""
    result: Hyperparameters = {}
    for level in levels:
        for key, value in level.items():
            before = result.get(key)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            result[key] = {**before, **value} if both else value  # type: ignore[dict-item]
    return result


def without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the folders of this machine: of an absolute path its last name alone is told."""
    data = config.get("data") or {}
    told = {key: shortened(value) for key, value in data.items()}
    return {**config, "data": told} if told else dict(config)


def parse_seeds(block: str) -> list[int]:
    """[0, 1, 2] of "0-2". Raises UserError."""
    match = re.fullmatch(r"(\d+)-(\d+)", block)
    if not match or int(match[1]) > int(match[2]):
        raise UserError(f"seeds '{block}': must look like 0-4")
    return list(range(int(match[1]), int(match[2]) + 1))
