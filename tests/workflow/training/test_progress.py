"""Progress of a training: plain lines in a log, a bar in a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from workflow.training import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_a_line_now_and_then_and_the_last_one(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    told = progress.Progress("tiny kd seed 0", 4, "accuracy")
    for epoch, seconds in ((1, 1.0), (2, 11.0), (3, 12.0), (4, 13.0)):
        now[0] = seconds
        told(epoch, epoch / 8)
    assert capsys.readouterr().err.splitlines() == [
        "tiny kd seed 0: epoch 2/4, validation accuracy 0.2500",
        "tiny kd seed 0: epoch 4/4, validation accuracy 0.5000",
    ]


@pytest.mark.parametrize("last", [4, 3])
def test_a_terminal_gets_a_bar_that_leaves_a_whole_line(monkeypatch, last):
    """Also where patience ends a training early."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    told = progress.Progress("tiny kd seed 0", 4, "accuracy")
    for epoch in range(1, last + 1):
        told(epoch, epoch / 8)
    del told
    *_, final = terminal.getvalue().split("\r")
    assert final.startswith("tiny kd seed 0:") and f"{last}/4" in final and final.endswith("\n")
    assert f"validation accuracy {last / 8:.4f}" in final
