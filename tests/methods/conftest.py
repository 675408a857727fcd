"""Methods that a test adds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from methods import registry
from methods.listing import modules


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | bytes], str]:
    """Writes a file into a folder of methods beside those of the repository; gives the id of its method."""
    folder = tmp_path / f"added_{tmp_path.name}"  # a name of its own: modules are kept by their names
    folder.mkdir()
    shipped = dict(registry._files())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "ROOT", tmp_path)

    def write(name: str, text: str | bytes) -> str:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        files = {stem.replace("_", "-"): path for stem, path in modules(folder).items()}
        monkeypatch.setattr(registry, "_files", lambda: dict(sorted({**shipped, **files}.items())))
        return Path(name).stem

    return write
