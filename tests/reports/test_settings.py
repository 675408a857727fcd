"""A mistake in the settings is refused, and said in one line."""

from __future__ import annotations

import pytest

from reports.settings import Settings


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"refrence": "kd"}, "unknown keys ['refrence']; allowed: "),
        ({"alpha": 0}, "alpha must lie between 0 and 0.5, not 0"),
        ({"alpha": 0.85}, "alpha must lie between 0 and 0.5, not 0.85"),
        ({"alpha": "small"}, "alpha: Input should be a valid number"),
        ({"minimum_seeds": 1}, "minimum_seeds must be at least 2, or there is no variance to test with"),
        ({"reference": "teacher"}, "the teacher cannot be the reference; it is another network"),
        ({"methods": {"kd": {"year": 2015}}}, "methods.kd.title: Field required"),
    ],
)
def test_a_mistake_is_told_in_one_line(values, words):
    with pytest.raises(ValueError, match=r"^report settings: ") as caught:
        Settings.parse(values)
    assert str(caught.value).removeprefix("report settings: ").startswith(words)
    assert "\n" not in str(caught.value)


def test_the_order_is_ceiling_floor_declared_then_by_name():
    settings = Settings.parse({"methods": {"kd": {"title": "KD"}, "at": {"title": "AT"}}})
    assert settings.method_order(["zeta", "at", "beta", "supervised", "kd", "teacher"]) == [
        *("teacher", "supervised", "kd", "at", "beta", "zeta")
    ]
    assert [settings.method_title(label) for label in ("teacher", "kd", "zeta")] == ["Teacher", "KD", "zeta"]
