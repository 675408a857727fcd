"""Progress of one training: a bar in a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

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
        self.bar = tqdm(desc=what, total=epochs, unit="epoch", disable=None, dynamic_ncols=True)
        self.spoken = time.monotonic()

    def __call__(self, epoch: int, score: float) -> None:
        said = f"validation {self.metric} {score:.4f}"
        if not self.bar.disable:
            self.bar.set_postfix_str(said, refresh=False)
            self.bar.update(epoch - self.bar.n)
        elif epoch == self.epochs or time.monotonic() - self.spoken > QUIET_SECONDS:
            # tqdm writes into a log as into a terminal: every state after a carriage return, all on one line.
            print(f"{self.what}: epoch {epoch}/{self.epochs}, {said}", file=sys.stderr, flush=True)
            self.spoken = time.monotonic()
