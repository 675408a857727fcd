"""Writes what is generated from the models of a configuration: the JSON schema, and the table in config/README.md.

    python -m workflow.schemas.generate

The schema serves editors (completion, red lines); the pipeline itself checks with the models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workflow.files import write_text
from workflow.schemas.configuration import Configuration
from workflow.specs import TrainingSettings

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Path(__file__).with_name("config.schema.json")
README = ROOT / "config" / "README.md"
BEGIN, END = "<!-- keys: generated -->\n", "<!-- end of keys -->\n"


def schema() -> str:
    """The JSON schema as text. A configuration that extends another one may have of it what is required."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Configuration.model_json_schema()}
    found["anyOf"] = [{"required": ["include"]}, {"required": found.pop("required")}]
    return json.dumps(found, indent=1) + "\n"


def table() -> str:
    """The keys of a configuration as a Markdown table."""
    rows = [f"| `{key}` | {_default(field)} | {_meaning(field)} |" for key, field in keys(Configuration)]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows]) + "\n"


def keys(
    model: type[BaseModel], prefix: str = "", described: frozenset[type] = frozenset()
) -> Iterator[tuple[str, FieldInfo]]:
    """Every key below a model; `[]` stands for each name or number. Training settings are described once."""
    for name, field in model.model_fields.items():
        yield prefix + name, field
        inner = next(_models(field.annotation), None)
        if inner is None or (inner is TrainingSettings and prefix):
            continue
        several = get_origin(field.annotation) in (list, dict)
        yield from keys(inner, f"{prefix}{name}{'[]' if several else ''}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _default(field: FieldInfo) -> str:
    """As a configuration would state it; nothing for a group of keys, and for what is absent by default."""
    if field.is_required():
        return "required"
    value = field.default
    if value is None or isinstance(value, BaseModel):
        return ""
    return (
        f"`{json.dumps(value)}`"
        if isinstance(value, bool | list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _meaning(field: FieldInfo) -> str:
    options = [option for option in get_args(field.annotation) if option is not NoneType]
    allowed = f": {', '.join(f'`{option}`' for option in options)}" if get_origin(field.annotation) is Literal else ""
    return f"{field.description}{allowed}"


def readme(text: str) -> str:
    """The page with its table renewed. Raises ValueError where its marks are gone."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def main() -> None:
    """Writes both."""
    write_text(SCHEMA, schema())
    write_text(README, readme(README.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
