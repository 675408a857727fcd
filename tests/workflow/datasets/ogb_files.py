"""Raw files in the hands of tests: parsed plainly, prepared, damaged."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workflow.datasets.ogb_layout import write_csv
from workflow import catalog
from workflow.errors import UserError
from workflow.task import Task


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Time of change and size of everything below a folder."""
    return {str(p.relative_to(root)): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(root.rglob("*"))}


def plain(path: Path) -> np.ndarray:
    """A file's rows as pandas reads them."""
    return pd.read_csv(path, header=None).to_numpy()


def build(name: str, root: Path) -> Task:
    """Without the catalogue's comparison, which a tiny ogbn-mag cannot pass."""
    loader = importlib.import_module(f"workflow.datasets.{catalog.loader(name)}")
    task: Task = loader.build(name, {"ogb_root": str(root)})
    return task.finish()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-12])


def change(row: int, column: int, value: object) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        frame = pd.read_csv(path, header=None).astype(object)
        frame.iloc[row, column] = value
        write_csv(path, frame)

    return apply


def drop_last(path: Path) -> None:
    write_csv(path, pd.read_csv(path, header=None)[:-1])


def assert_named(tiny: Path, root: Path, dataset: str, file: str, damage: Callable[[Path], None]) -> None:
    """A damaged file is refused in one line that begins with its path.

    Args:
        tiny: of whole datasets.
        root: an empty folder, for the damaged one.
        dataset: its folder's name.
        file: below that folder.
    """
    shutil.copytree(tiny / dataset, root / dataset)
    damage(root / dataset / file)
    with pytest.raises(UserError) as caught:
        build(dataset.replace("_", "-"), root)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(root / dataset / file)), message
