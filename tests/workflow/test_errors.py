"""A command whose output nobody reads any more, as behind `| head`, ends without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reports import build
from tests.reports import samples
from tests.reports.samples import BASE
from tests.workflow.samples import ROOT
from workflow.errors import command


def unread(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """`abkd-bench` with a standard output whose other end is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "workflow.cli", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    finally:
        os.close(writer)


@pytest.mark.parametrize("arguments", [["methods"], ["check", "kd"], ["--help"]])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_closed_pipe_ends_a_command_without_a_word(arguments: list[str], buffered: str) -> None:
    assert unread(*arguments, PYTHONUNBUFFERED=buffered).stderr == b""


def test_what_was_to_be_written_is_written(tmp_path: Path) -> None:
    build.write(samples.save(tmp_path, samples.frame(samples.cell(BASE)), everything=False), samples.settings())
    (tmp_path / "index.html").unlink()
    assert unread("report", str(tmp_path)).stderr == b""
    assert (tmp_path / "index.html").exists()


def test_a_mistake_is_still_told(tmp_path: Path) -> None:
    ran = unread("check", "kd", "no-such-method", PYTHONUNBUFFERED="")
    assert (ran.returncode, ran.stderr.startswith(b"error: unknown 'no-such-method'")) == (1, True)
    assert ran.stderr.count(b"\n") == 1


def test_another_broken_pipe_is_a_fault() -> None:
    @command
    def main() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        main()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file or directory", "here"), "error: here: No such file or directory"),
        (NotADirectoryError("runs.parquet\nis none"), "error: runs.parquet is none"),
        (OSError(36, "File name too long", "xxx"), "error: xxx: File name too long"),
    ],
)
def test_a_path_that_was_named_by_mistake_is_one_line(error: OSError, told: str) -> None:
    @command
    def main() -> None:
        raise error

    with pytest.raises(SystemExit, match=f"^{told}$"):
        main()
