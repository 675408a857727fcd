"""Broken files of the Amazon and Coauthor graphs: each is refused in one line that names the file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workflow.datasets.gnn_benchmark_files import CLASSES, build, tiny, write
from tests.workflow.datasets.test_bad_raw_files import folder, loop
from workflow.errors import UserError

Change = Callable[[dict[str, Any]], dict[str, Any]]


def put(name: str, value: Any) -> Change:
    """Replaces an array; a function gets the old one."""
    return lambda content: content | {name: value(content[name]) if callable(value) else value}


def entry(name: str, value: Any, dtype: Any = None) -> Change:
    """Replaces the first entry of an array."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype(dtype or array.dtype)
        array[0] = value
        return array

    return put(name, change)


CONTENT: list[tuple[str, Change, str]] = [
    *(
        (f"no {name}", lambda c, n=name: {k: v for k, v in c.items() if k != n}, f"the array '{name}' is missing")
        for name in ("adj_data", "adj_indices", "adj_indptr", "adj_shape", "attr_data", "attr_shape", "labels")
    ),
    *(
        (f"objects in {name}", put(name, lambda a: a.astype(object)), "Object arrays cannot be loaded")
        for name in ("adj_data", "attr_indices", "labels")
    ),
    *(
        (f"text in {name}", put(name, lambda a: a.astype(str)), f"{name} must be a list of")
        for name in ("adj_data", "attr_indices", "attr_shape", "labels")
    ),
    *(
        (f"fractions in {name}", put(name, lambda a: a + 0.5), f"{name} must be a list of whole numbers")
        for name in ("adj_indices", "adj_indptr", "labels")
    ),
    ("complex features", put("attr_data", lambda a: a * 1j), "attr_data must be a list of numbers"),
    ("a table of labels", put("labels", lambda a: np.eye(CLASSES, dtype=int)[a]), "labels must be a list"),
    ("one label", put("labels", np.int64(3)), "labels must be a list"),
    ("a label too many", put("labels", lambda a: np.append(a, 0)), "but there are 601 labels"),
    ("no nodes", put("labels", np.zeros(0, int)), "but there are 0 labels"),
    ("a negative label", entry("labels", -1), "labels must lie in 0..7, found -1..7"),
    ("a class more", entry("labels", CLASSES), "labels must lie in 0..7, found 0..8"),
    ("a label of 64 bits", entry("labels", 2**64 - 1, np.uint64), "labels must lie in 0..7"),
    ("a class too small", put("labels", lambda a: np.where(a == 3, 2, a)), "class 3 has 0 nodes in the largest"),
    ("features of NaN", entry("attr_data", np.nan), "attr_data has values that are negative or not finite"),
    ("features of infinity", entry("attr_data", np.inf), "attr_data has values that are negative or not finite"),
    ("negative features", entry("attr_data", -1), "attr_data has values that are negative or not finite"),
    ("a column beyond", entry("attr_indices", 12), "attr_indices must lie in 0..11, found 0..12"),
    ("a negative column", entry("attr_indices", -1), "attr_indices must lie in 0..11, found -1..11"),
    ("a node beyond", entry("adj_indices", 600), "adj_indices must lie in 0..599"),
    ("a node of 33 bits", entry("adj_indices", 2**32, np.int64), "adj_indices must lie in 0..599"),
    ("a node of 64 bits", entry("adj_indices", 2**63, np.uint64), "adj_indices must lie in 0..599"),
    ("data cut short", put("adj_data", lambda a: a[:-1]), "same size"),
    ("pointers cut short", put("adj_indptr", lambda a: a[:-1]), ""),
    ("pointers that fall", put("adj_indptr", lambda a: np.r_[0, a[2], a[1], a[3:]]), ""),
    ("negative pointers", put("adj_indptr", lambda a: np.r_[0, -5, a[2:]]), ""),
    ("pointers beyond", put("attr_indptr", lambda a: np.r_[a[:-1], a[-1] + 9]), ""),
    ("a shape of three", put("adj_shape", np.array([600, 600, 1])), "adj_shape must be two numbers"),
    ("a negative shape", put("attr_shape", np.array([-600, 12])), "attr_shape must be two numbers"),
    ("a wide graph", put("adj_shape", np.array([600, 700])), "adj is (600, 700)"),
    ("a wide matrix", put("attr_shape", np.array([600, 10**9])), "more than 1000000000"),
    ("a tall matrix", put("attr_shape", np.array([10**9, 12])), ""),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CONTENT], ids=[case[0] for case in CONTENT])
def test_other_content_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    path = write(tmp_path, change(tiny()))
    assert message in refusal(tmp_path, path)


def refusal(root: Path, path: Path) -> str:
    with pytest.raises(UserError) as caught:
        build(root)
    found = str(caught.value)
    assert len(found.splitlines()) == 1 and str(path) in found, found
    return found


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def no_array(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != "labels.npy"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**kept, "labels.npy": b"no array"}.items():
            archive.writestr(name, content)


def giant(path: Path) -> None:
    """A few MB that unpack to more than a GiB."""
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(2**10 + 1):
            file.write(bytes(2**20))


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        folder,
        loop,
        no_array,
        giant,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no archive"),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        lambda path: path.write_bytes(flipped(path.read_bytes())),
    ],
    ids=["missing", "folder", "loop", "no array", "giant", "empty", "text", "cut", "a stump", "flipped"],
)
def test_a_broken_file_is_refused(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    path = write(tmp_path, tiny())
    damage(path)
    refusal(tmp_path, path)
