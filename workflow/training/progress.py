"""Progress of one training: a bar in a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
import time

QUIET_SECONDS = 10.0
"""Time between two plain lines of a log."""


class Progress:
    """Called by the loop after every evaluation.

    Args:
        what: names the training.
        epochs: the most epochs it can take.
        metric: name of the validation score.
    """

    def __init__(self, what: str, epochs: int, metric: str) -> None:
        self.what = what
        self.epochs = epochs
        self.metric = metric
        self.spoken = time.monotonic()

    def __call__(self, epoch: int, score: float) -> None:
        text = f"{self.what}: epoch {epoch}/{self.epochs}, validation {self.metric} {score:.4f}"
        if sys.stderr.isatty():
            end = "\n" if epoch == self.epochs else ""
            print(f"\r{text}\x1b[K", end=end, file=sys.stderr, flush=True)
        elif epoch == self.epochs or time.monotonic() - self.spoken > QUIET_SECONDS:
            print(text, file=sys.stderr, flush=True)
            self.spoken = time.monotonic()
