"""Reads and checks a configuration. Imports no torch, so that Snakemake starts quickly."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

import methods
from workflow import catalog
from workflow.errors import UserError
from workflow.models.listing import available as available_models

SCHEMA = Path(__file__).resolve().parent / "schemas" / "config.schema.yaml"
RESERVED = "teacher"
"""Label of the teachers' rows."""


@cache
def schema() -> dict[str, Any]:
    return yaml.safe_load(SCHEMA.read_text())


def load(path: Path | str) -> dict[str, Any]:
    """The configuration in a file, checked and with every default filled in. Raises UserError."""
    try:
        raw = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return complete(raw, str(path))


def complete(raw: Any, where: str) -> dict[str, Any]:
    """Checks a configuration and fills in the defaults.

    Args:
        raw: as parsed.
        where: the file's name, for messages.

    Raises:
        UserError: unknown key, wrong type, unknown id, a value out of bounds; one line with the key and what is
            allowed.
    """
    if not isinstance(raw, dict):
        raise UserError(f"{where}: must be a mapping of keys, see config/README.md")
    _check_schema(raw, where)
    config = _with_defaults(copy.deepcopy(raw), schema())
    _check_names(config, where)
    return config


def _key(path: Iterable[Any]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _check_schema(raw: dict[str, Any], where: str) -> None:
    errors = list(jsonschema.Draft202012Validator(schema()).iter_errors(raw))
    if not errors:
        return
    error = jsonschema.exceptions.best_match(errors)
    key = _key(error.absolute_path)
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema["properties"])
        unknown = sorted(set(error.instance) - set(allowed))[0]
        key = _key([*error.absolute_path, unknown])
        raise UserError(f"{where}: {key}: unknown key{_suggest(unknown, allowed)}; allowed: {', '.join(allowed)}")
    if error.validator == "required":
        missing = re.findall(r"'(.+?)' is a required", error.message)[0]
        raise UserError(f"{where}: {_key([*error.absolute_path, missing])}: is missing")
    if error.validator == "oneOf" and not error.context:
        raise UserError(f"{where}: {key}: give either {' or '.join(_alternatives(error.schema))}, not both")
    raise UserError(f"{where}: {key or 'the file'}: {' '.join(error.message.split())}")


def _alternatives(part: Mapping[str, Any]) -> list[str]:
    return [name for option in part["oneOf"] for name in option.get("required", [])]


def _suggest(word: str, allowed: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(allowed), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _with_defaults(value: dict[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    for key, sub in part["properties"].items():
        if "$ref" in sub:
            continue  # Training settings are filled in after the levels have been merged.
        if key not in value and "default" in sub:
            value[key] = copy.deepcopy(sub["default"])
        if key in value and "properties" in sub:
            _with_defaults(value[key], sub)
    return value


def training_defaults() -> dict[str, Any]:
    return {k: v["default"] for k, v in schema()["$defs"]["training"]["properties"].items()}


def _known(name: str, allowed: Iterable[str], where: str, what: str) -> None:
    names = sorted(allowed)
    if name not in names:
        raise UserError(f"{where}: unknown {what} '{name}'{_suggest(name, names)}; allowed: {', '.join(names)}")


def _check_names(config: dict[str, Any], where: str) -> None:
    for name, spec in config["models"].items():
        _known(spec["model"], available_models(), f"{where}: models.{name}.model", "model")
    for label, settings in config["methods"].items():
        if label == RESERVED:
            raise UserError(f"{where}: methods.{label}: this label is kept for the teachers' rows")
        for part in method_id(label, settings).split("+"):
            _known(part, methods.available(), f"{where}: methods.{label}", "method")
    _known(config["reference"], config["methods"], f"{where}: reference", "method")
    for number, experiment in enumerate(config["experiments"]):
        here = f"{where}: experiments[{number}]"
        _known(experiment["dataset"], catalog.available(), f"{here}.dataset", "dataset")
        for teacher in experiment["teachers"]:
            _known(teacher, config["models"], f"{here}.teachers", "model")
        for index, student in enumerate(experiment["students"]):
            _known(student["model"], config["models"], f"{here}.students[{index}].model", "model")
        for label in experiment.get("methods", {}):
            _known(label, config["methods"], f"{here}.methods", "method")
        if config["reference"] not in experiment.get("methods", config["methods"]):
            raise UserError(f"{here}.methods: must hold the reference '{config['reference']}'")


def method_id(label: str, settings: Mapping[str, Any] | None) -> str:
    return (settings or {}).get("method", label)


def hyperparameters(*levels: Mapping[str, Any] | None) -> dict[str, Any]:
    """Later levels win, in a composition part by part; the key `method` is not a hyperparameter."""
    merged: dict[str, Any] = {}
    for level in levels:
        for key, value in (level or {}).items():
            before = merged.get(key)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            merged[key] = {**before, **value} if both else value
    merged.pop("method", None)
    return merged


def seed_blocks(config: Mapping[str, Any], job: str) -> list[str]:
    """Blocks of seeds such as "0-4", "5-9": their borders are multiples, so that more seeds only add blocks."""
    size = config["seeds_per_job"][job]
    first, last = config["first_seed"], config["first_seed"] + config["seeds"]
    starts = [first, *range((first // size + 1) * size, last, size)]
    return [f"{start}-{min((start // size + 1) * size, last) - 1}" for start in starts]


def parse_seeds(block: str) -> list[int]:
    """[0, 1, 2] of "0-2". Raises UserError."""
    match = re.fullmatch(r"(\d+)-(\d+)", block)
    if not match or int(match[1]) > int(match[2]):
        raise UserError(f"seeds '{block}': must look like 0-4")
    return list(range(int(match[1]), int(match[2]) + 1))
