"""How the numbers of a report were made, in short: what ran, on what, from which data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CONFIG = "config"
"""The part that provenance.json alone shows: the whole configuration, with all that did not run."""
DIGEST = 12
"""Digits of a fingerprint that tell data apart for human eyes."""


def rows(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, value) of everything but the configuration, of which the number of seeds stays.

    Of merged results, each run's own are named by its folder.
    """
    merged = provenance.get("merged")
    if isinstance(merged, Mapping):
        return [(f"{name}: {what}", value) for name, run in merged.items() for what, value in rows(run)]
    config = provenance.get(CONFIG)
    seeds = [("seeds", _text(config["seeds"]))] if isinstance(config, Mapping) and "seeds" in config else []
    told = {key: value for key, value in provenance.items() if key != CONFIG}
    return [*seeds, *((what.replace("_", " "), value) for what, value in _flat(told))]


def sources(provenance: Mapping[str, Any], key: str) -> list[Any]:
    """A key's values, one per run that the results are of."""
    merged = provenance.get("merged")
    if isinstance(merged, Mapping):
        return [value for run in merged.values() if isinstance(run, Mapping) for value in sources(run, key)]
    return [provenance[key]] if key in provenance else []


def fingerprints(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(dataset, fingerprint) of all runs that the results are of; a dataset may stand there more than once."""
    return [one for each in sources(provenance, "fingerprints") for one in each.items()]


def source(provenance: Mapping[str, Any]) -> str:
    """The whole of it, as the file that it comes from."""
    return json.dumps(provenance, indent=1, sort_keys=True, ensure_ascii=False)


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """(key, text) in the order of the keys' names; a mapping's own keys stand behind its name."""
    found = []
    for key in sorted(value, key=str):
        each, name = value[key], f"{prefix}{key}"
        if isinstance(each, Mapping):
            found += _flat(each, f"{name}: ")
        elif each not in (None, "", []):
            text = _text(each)
            digest = prefix.startswith("fingerprints")
            found.append((name, text.rpartition(":")[2][:DIGEST] if digest else text))
    return found


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
