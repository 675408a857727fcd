"""Marks every test here `gpu`, and skips it where torch sees no GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gpu.numbers import ABSENT, settle

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.gpu)
            if ABSENT:
                item.add_marker(pytest.mark.skip(reason=ABSENT))


@pytest.fixture(autouse=True, scope="session")
def _settled() -> None:
    if not ABSENT:
        settle()
