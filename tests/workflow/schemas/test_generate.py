"""The models, the JSON schema and the table of keys say the same."""

from __future__ import annotations

import jsonschema
import yaml

from tests.workflow.samples import GOOD, SHIPPED, change
from workflow.schemas import generate
from workflow.schemas.configuration import Configuration


def test_what_stands_on_disk_is_what_the_models_say():
    hint = "run python -m workflow.schemas.generate"
    assert generate.SCHEMA.read_text() == generate.schema(), hint
    text = generate.README.read_text()
    assert text == generate.readme(text), hint


def test_every_key_is_in_the_table():
    names = {key for key, _ in generate.keys(Configuration)}
    assert {"seeds_per_job.teach", "training.epochs", "models[].model", "experiments[].students[].ratios"} <= names
    assert all(f"| `{name}` |" in generate.table() for name in names)
    assert all(field.description for _, field in generate.keys(Configuration))


def test_the_schema_takes_what_the_models_take():
    import json

    validator = jsonschema.Draft202012Validator(json.loads(generate.schema()))
    for path in SHIPPED:
        validator.validate(yaml.safe_load(path.read_text()))
    for wrong in (change("seed", 3), change("seeds", 0), change("device", "gpu"), change("training", {"epoch": 1})):
        assert not validator.is_valid(wrong)
    assert validator.is_valid(GOOD)
    without = {key: value for key, value in GOOD.items() if key != "seeds"}
    assert not validator.is_valid(without)
    assert validator.is_valid({**without, "include": "base.yaml"})
    assert validator.is_valid(change("experiments/0/methods", ["kd"]))
