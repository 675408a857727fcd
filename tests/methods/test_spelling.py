"""Near names, and numbers that YAML reads as texts."""

from __future__ import annotations

import pytest
import yaml

from methods.spelling import article, as_number, near, number_in, numbered


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("1e-3", ["0.001", "1.0e-3"]),
        ("2.5E-3", ["0.0025", "2.5e-3"]),
        (".5e-3", ["0.0005", "5.0e-4"]),
        ("-1e-30", ["-1.0e-30"]),
        ("1e3", ["1000"]),
        ("1e30", ["1.0e+30"]),
        ("0.10", ["0.1"]),
        ("8", ["8"]),
    ],
)
def test_a_number_is_written_as_yaml_reads_it(text: str, forms: list[str]) -> None:
    assert as_number(text) == f" ('{text}' is a text in YAML; write {' or '.join(forms)})"
    assert [yaml.safe_load(form) for form in forms] == [number_in(text)] * len(forms)


@pytest.mark.parametrize(
    "value", ["", "e", "1e", "one", "nan", "1e999", "1_000", " 1", "0x10", "9" * 99, 1, None, True]
)
def test_what_spells_no_number(value: object) -> None:
    assert number_in(value) is None


def test_texts_are_found_wherever_they_stand() -> None:
    assert numbered({"a": ["1e-3", {"b": "2"}], "c": "x", "d": 4}) == (
        {"a": [0.001, {"b": 2}], "c": "x", "d": 4},
        ["1e-3", "2"],
    )


def test_capitals_do_not_matter_to_a_near_name() -> None:
    assert near("setting", ["SETTINGS", "NAMES"]) == "SETTINGS"
    assert near("colour", ["SETTINGS", "NAMES"]) == ""


def test_articles() -> None:
    assert [article(word) for word in ("IndexError", "ValueError", "int")] == [
        "an IndexError",
        "a ValueError",
        "an int",
    ]
