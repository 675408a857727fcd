"""Checksums of files: of whole ones, and of blocks of large ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow import files
from workflow.files import checksum


@pytest.mark.parametrize(("size", "noticed"), [(40, range(40)), (400, [0, 5, 9, 390, 395, 399])])
def test_a_changed_byte_is_noticed(size: int, noticed: range | list[int], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files, "WHOLE", 40)
    monkeypatch.setattr(files, "BLOCK", 10)
    content = bytes(k % 251 for k in range(size))

    def of(content: bytes) -> str:
        file = tmp_path / "x"
        file.write_bytes(content)
        files._checksum.cache_clear()
        return checksum(file)

    before = of(content)
    assert of(content) == before
    for place in noticed:
        assert of(content[:place] + b"\xff" + content[place + 1 :]) != before, place
    assert of(content + b"x") != before


def test_a_file_is_read_once_while_it_stays(tmp_path: Path, monkeypatch) -> None:
    file, opened, real = tmp_path / "x", [], Path.open
    file.write_bytes(b"one")
    monkeypatch.setattr(Path, "open", lambda self, *a: opened.append(self) or real(self, *a))
    assert checksum(file) == checksum(file)
    assert opened == [file]
    with real(file, "wb") as changed:
        changed.write(b"three")
    checksum(file)
    assert opened == [file, file]
