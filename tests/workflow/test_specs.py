"""Blocks of seeds, levels of settings, and specs as JSON."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.workflow.samples import GOOD, plan_of
from workflow.config import complete, parse_seeds
from workflow.schemas.configuration import Configuration
from workflow.specs import CellSpec, TrainingSettings


def config_with(**changes: object) -> Configuration:
    return complete({**GOOD, **changes}, "x.yaml")


@pytest.mark.parametrize(
    ("first", "seeds", "blocks"),
    [(0, 10, ["0-4", "5-9"]), (0, 7, ["0-4", "5-6"]), (0, 3, ["0-2"]), (3, 4, ["3-4", "5-6"]), (100, 5, ["100-104"])],
)
def test_seed_blocks(first, seeds, blocks):
    config = config_with(first_seed=first, seeds=seeds, seeds_per_job={"teach": 5})
    assert config.seed_blocks("teach") == blocks
    assert [s for block in blocks for s in parse_seeds(block)] == list(range(first, first + seeds))


def test_more_seeds_only_add_blocks():
    few, many = (config_with(seeds=n, seeds_per_job={"teach": 5}) for n in (10, 20))
    assert many.seed_blocks("teach")[:2] == few.seed_blocks("teach")


def test_the_last_level_of_settings_wins_and_says_nothing_of_the_rest():
    base = TrainingSettings(epochs=5, weight_decay=0.1)
    found = base.changed(TrainingSettings(learning_rate=0.5), TrainingSettings(epochs=9))
    assert (found.epochs, found.weight_decay, found.learning_rate) == (9, 0.1, 0.5)
    assert found.batch_size == TrainingSettings().batch_size
    # A level that states the default still states it.
    assert base.changed(TrainingSettings(epochs=200)).epochs == 200


def test_what_came_later_changes_no_digest_of_what_was_before():
    """Trainings keep their folders, tuned files their settings, when a sampler gets an option that they do not use."""
    assert "fan_out" not in TrainingSettings(fan_out=[3]).model_dump()
    sampled = TrainingSettings(sampler="neighbour", fan_out=[3])
    assert TrainingSettings.model_validate_json(sampled.model_dump_json()) == sampled
    assert TrainingSettings(fan_out=[3]).changed(TrainingSettings(sampler="neighbour")) == sampled


def test_a_spec_survives_json_and_refuses_what_it_does_not_know():
    spec = next(iter(plan_of(GOOD).cells.values()))
    assert CellSpec.model_validate_json(spec.model_dump_json()) == spec
    with pytest.raises(ValidationError, match="Extra inputs"):
        CellSpec.model_validate({**spec.model_dump(), "tau": 3})


def test_options_keep_their_types():
    """True is not 1, and 1 is not 1.0: a digest tells them apart."""
    spec = next(iter(plan_of(GOOD).teachers.values()))
    changed = spec.model_copy(update={"model": {"model": "gcn", "a": True, "b": 1, "c": 1.0, "d": "1"}})
    back = type(spec).model_validate_json(changed.model_dump_json())
    assert [type(v) for v in back.model.values()] == [str, bool, int, float, str]


def test_the_stated_configuration_tells_defaults_of_the_first_level():
    stated = config_with(seeds_per_job={"teach": 2}).stated
    assert stated["seeds_per_job"] == {"teach": 2}
    assert stated["distill_on"] == "train"
    assert stated["methods"]["kd"] is None
