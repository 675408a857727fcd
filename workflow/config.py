"""Reads and checks a configuration. Imports no torch, so that Snakemake starts quickly."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import methods
from workflow import catalog
from workflow.errors import UserError
from workflow.models.listing import available as available_models
from workflow.schemas.configuration import Configuration
from workflow.specs import Hyperparameters

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


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, of which YAML would drop the first without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key}' is given twice in the mapping of line {line}"
                )
        return super().construct_mapping(node, deep)


def load(path: Path | str) -> Configuration:
    """The configuration in a file, checked. Raises UserError."""
    return complete(parse(path), str(path))


def parse(path: Path | str) -> Any:
    """What a YAML file holds. Raises UserError."""
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)  # a safe loader
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


def complete(raw: object, where: str) -> Configuration:
    """Checks a configuration.

    Args:
        raw: as parsed.
        where: the file's name, for messages.

    Raises:
        UserError: unknown key, wrong type, unknown id, a value out of bounds; one line with the key and what is
            allowed.
    """
    if not isinstance(raw, dict):
        raise UserError(f"{where}: must be a mapping of keys, see config/README.md")
    try:
        config = Configuration.model_validate(raw)
    except ValidationError as error:
        raise UserError(f"{where}: {_in_one_line(error.errors()[0])}") from error
    _check_names(config, where)
    return config


def _in_one_line(error: ErrorDetails) -> str:
    """KEY: what is wrong, and what is allowed."""
    *parents, last = error["loc"] or ("",)
    key = _key(part for part in error["loc"] if part != "[key]")
    value = error["input"]
    if error["type"] == "missing":
        return f"{key}: is missing"
    if error["type"] == "extra_forbidden":
        allowed = sorted(_model_at(parents).model_fields)
        return f"{key}: unknown key{_suggest(str(last), allowed)}; allowed: {', '.join(allowed)}"
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"
    if error["type"] == "string_pattern_mismatch":
        return f"{key}: a name holds small letters, digits and . - (in methods also +), and begins with none of these"
    if error["type"] == "too_short":
        return f"{key}: must not be empty"
    message = re.sub(r"^Input should be | or instance of \w+", "", error["msg"])
    for long, short in WORDS.items():
        message = message.replace(long, short)
    return f"{key}: must be {message}, not {value!r}{_hint(value)}"


def _hint(value: object) -> str:
    """What YAML made of a number that it does not recognise."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value):
        mantissa, exponent = re.split("[eE]", value)
        return f" (YAML reads {value} as text; write {mantissa}.0e{exponent})"
    return ""


def _key(path: Iterable[int | str]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


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


def _suggest(word: str, allowed: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(allowed), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _known(name: str, allowed: Iterable[str], where: str, what: str) -> None:
    names = sorted(allowed)
    if name not in names:
        raise UserError(f"{where}: unknown {what} '{name}'{_suggest(name, names)}; allowed: {', '.join(names)}")


def _check_names(config: Configuration, where: str) -> None:
    """Raises UserError for an id that nothing has."""
    for name, network in config.models.items():
        _known(network.model, available_models(), f"{where}: models.{name}.model", "model")
    for label in config.methods:
        if label == RESERVED:
            raise UserError(f"{where}: methods.{label}: this label is kept for the teachers' rows")
        for part in config.method_id(label).split("+"):
            _known(part, methods.available(), f"{where}: methods.{label}", "method")
    _known(config.reference, config.methods, f"{where}: reference", "method")
    for label in config.spotlight:
        _known(label, config.methods, f"{where}: spotlight", "method")
    for number, experiment in enumerate(config.experiments):
        here = f"{where}: experiments[{number}]"
        _known(experiment.dataset, catalog.available(), f"{here}.dataset", "dataset")
        for teacher in experiment.teachers:
            _known(teacher, config.models, f"{here}.teachers", "model")
        for index, student in enumerate(experiment.students):
            _known(student.model, config.models, f"{here}.students[{index}].model", "model")
        chosen = config.chosen(experiment)
        for label in chosen:
            _known(label, config.methods, f"{here}.methods", "method")
        if config.reference not in chosen:
            raise UserError(f"{here}.methods: must hold the reference '{config.reference}'")


def merged(*levels: Hyperparameters) -> Hyperparameters:
    """Hyperparameters of several levels: later ones win, in a composition part by part."""
    result: Hyperparameters = {}
    for level in levels:
        for key, value in level.items():
            before = result.get(key)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            result[key] = {**before, **value} if both else value  # type: ignore[dict-item]
    return result


def parse_seeds(block: str) -> list[int]:
    """[0, 1, 2] of "0-2". Raises UserError."""
    match = re.fullmatch(r"(\d+)-(\d+)", block)
    if not match or int(match[1]) > int(match[2]):
        raise UserError(f"seeds '{block}': must look like 0-4")
    return list(range(int(match[1]), int(match[2]) + 1))
