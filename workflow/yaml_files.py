"""YAML files of users: safe, bounded, without what YAML misreads, and one that extends another. Imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from workflow.errors import UserError
from workflow.schemas.plain import shown

MOST_BYTES = 64 * 1024
MOST_NODES = 10_000
"""Values and keys of a file, which is far more than one needs; each costs a tenth of a millisecond."""
MOST_DEPTH = 50
MOST_MERGED = 10_000
MOST_LETTERS = 300
"""Of what YAML says of a fault."""
MISREAD = re.compile(r"[-+]?0[0-9_]+|.*:.*")
"""Numbers of YAML 1.1 to the base of 8 and 60."""
PROGRAM = "__use_yte__"
"""The key that makes Snakemake run the Python expressions in a file."""
INCLUDE = "include"
"""The key that names the file which a configuration extends."""
ADDED = ("experiments", "plugins")
"""The lists that grow; every other one is replaced."""
FILES = ("tuned",)
"""Keys that name a file, as seen from the folder of the configuration that states them."""
FOLDERS = "plugins"
"""The key that names folders in the same way, or packages."""


class BoundedLoader(yaml.SafeLoader):
    """Safe YAML, without what it would misread (a key given twice, 010, 1:30), and bounded."""

    nodes = depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MOST_NODES:
            raise yaml.YAMLError(f"holds more than {MOST_NODES} keys and values")
        if self.depth > MOST_DEPTH:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        assert node is not None
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"{shown(key.value)} is given twice in the mapping of line {line}")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST_MERGED:  # merged mappings of merged mappings grow without bound
            raise yaml.YAMLError(f"the mapping of line {node.start_mark.line + 1} holds more than {MOST_MERGED} keys")

    def decimal(self, node: yaml.ScalarNode) -> int | float:
        """A number as everybody reads it: YAML's 010 is 8, and its 1:30 is 90."""
        if MISREAD.fullmatch(node.value):
            raise yaml.YAMLError(f"{shown(node.value)} in line {node.start_mark.line + 1} is no decimal number")
        is_int = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if is_int else self.construct_yaml_float(node)


for _tag in ("int", "float"):
    BoundedLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", BoundedLoader.decimal)


def parse(path: Path | str) -> Any:
    """What a YAML file holds. Raises UserError."""
    try:
        content = Path(path).read_bytes()
        if len(content) > MOST_BYTES:
            raise UserError(f"{path}: is larger than {MOST_BYTES // 1024} KiB")
        found = yaml.load(content.decode("utf-8"), BoundedLoader)  # a safe loader
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text") from error
    except RecursionError as error:
        raise UserError(f"{path}: is nested too deep") from error
    except (yaml.YAMLError, ValueError, KeyError, AttributeError) as error:  # of a value that its tag does not fit
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())[:MOST_LETTERS]}") from error
    if isinstance(found, dict) and PROGRAM in found:
        raise UserError(f"{path}: {PROGRAM}: a configuration is no template; Snakemake would run the code in it")
    return found


def whole(raw: object, where: Path | str, below: tuple[Path, ...] = ()) -> object:
    """What a file states, on top of what the file that it includes states.

    Mappings are merged key by key, the including file wins; its experiments stand behind those of the other.

    Args:
        raw: the content of the file, perhaps changed on the command line.
        where: the file.
        below: the files that have led here.

    Raises:
        UserError: the included file cannot be read, or includes this one.
    """
    if not isinstance(raw, dict) or raw.get(INCLUDE) is None:
        return raw
    name, here = raw[INCLUDE], Path(where)
    if not isinstance(name, str) or not name:
        raise UserError(f"{where}: {INCLUDE}: must be the name of a file, not {shown(name)}")
    other = here.parent / name
    known = (*below, here.resolve())
    if other.resolve() in known:
        raise UserError(f"{where}: {INCLUDE}: {name} includes this file")
    try:
        base = whole(parse(other), other, known)
    except UserError as error:
        raise UserError(f"{where}: {INCLUDE}: {error}") from error
    if not isinstance(base, dict):
        raise UserError(f"{where}: {INCLUDE}: {other}: must be a mapping of keys")
    # As seen from this file's folder.
    moved: dict[str, Any] = {
        key: os.path.relpath(other.parent / base[key], here.parent) for key in FILES if _names(base.get(key))
    }
    if isinstance(base.get(FOLDERS), list):
        moved[FOLDERS] = [_moved(name, other.parent, here.parent) for name in base[FOLDERS]]
    return {key: value for key, value in extended({**base, **moved}, raw).items() if key != INCLUDE}


def _moved(name: object, there: Path, here: Path) -> object:
    """A folder as seen from another one; what is no folder is the name of a package."""
    if not _names(name) or not (there / str(name)).is_dir():
        return name
    return os.path.relpath(there / str(name), here)


def _names(value: object) -> bool:
    return isinstance(value, str) and value != ""


def extended(base: Mapping[str, Any], own: Mapping[str, Any], *, top: bool = True) -> dict[str, Any]:
    """A mapping on top of another one, level by level."""
    found = dict(base)
    for key, value in own.items():
        before = found.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            found[key] = extended(before, value, top=False)
        elif top and key in ADDED and isinstance(before, list) and isinstance(value, list):
            found[key] = [*before, *value]
        else:
            found[key] = value
    return found
