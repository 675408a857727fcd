"""Methods that a test adds, and a sparse pattern."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from methods import plugins
from methods.sparse import Pattern, compressed


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | bytes], str]:
    """Writes a file into a plug-in's folder of methods; gives the id of its method."""
    folder = tmp_path / "methods"
    folder.mkdir()
    monkeypatch.setenv(plugins.VARIABLE, "[]")

    def write(name: str, text: str | bytes) -> str:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        plugins.use([str(tmp_path)], tmp_path)
        return Path(name).stem

    return write


@pytest.fixture
def pattern() -> Pattern:
    """[20, 30] with 90 entries; rows 4 and 19 and column 7 have none."""
    places = torch.randperm(20 * 30, generator=torch.Generator().manual_seed(0))
    rows, columns = places // 30, places % 30
    kept = (rows != 4) & (rows != 19) & (columns != 7)
    return compressed(rows[kept][:90], columns[kept][:90], 20, 30)[0]


def values_of(pattern: Pattern, *heads: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(len(pattern.columns), *heads, generator=generator, dtype=torch.float64)
