"""Files that differ from the templates in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from methods import plugins
from workflow.steps import check, new

Checked = Callable[..., list[str]]


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checked:
    """Writes a template with replaced pieces, and says what `abkd-bench check FILE` finds in it."""
    monkeypatch.setenv(plugins.VARIABLE, "[]")

    def written(kind: str, *changes: tuple[str, str]) -> list[str]:
        file = new.write(kind, "mine", tmp_path)
        text = file.read_text()
        for old, instead in changes:
            assert old in text
            text = text.replace(old, instead)
        file.write_text(text)
        return [line for _, _, faults in check.judged(str(file)) for line in faults]

    return written
