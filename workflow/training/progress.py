"""Progress of something long, such as a training: a bar in a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

QUIET_SECONDS = 10.0
"""Time between two plain lines of a log."""


class Bar:
    """Something that is done in parts.

    Args:
        what: names it.
        total: number of its parts, the most that there can be.
        unit: one part.
        leave: whether the bar stays in the terminal when it is closed.
    """

    def __init__(self, what: str, total: int, unit: str, leave: bool = True) -> None:
        self.what = what
        self.total = total
        self.bar = tqdm(desc=what, total=total, unit=unit, disable=None, dynamic_ncols=True, leave=leave)
        self.spoken = time.monotonic()

    def tell(self, done: int, line: str, beside: str = "") -> None:
        """Called after a part.

        Args:
            line: of a log.
            beside: what a bar has behind its numbers.
        """
        if not self.bar.disable:
            if beside:
                self.bar.set_postfix_str(beside, refresh=False)
            self.bar.update(done - self.bar.n)
        elif done == self.total or time.monotonic() - self.spoken > QUIET_SECONDS:
            # tqdm writes into a log as into a terminal: every state after a carriage return, all on one line.
            print(line, file=sys.stderr, flush=True)
            self.spoken = time.monotonic()


class Progress(Bar):
    """Of one training; called by the loop after every evaluation.

    Args:
        what: names the training.
        epochs: the most epochs it can take.
        metric: name of the validation score.
    """

    def __init__(self, what: str, epochs: int, metric: str) -> None:
        super().__init__(what, epochs, "epoch")
        self.metric = metric

    def __call__(self, epoch: int, score: float) -> None:
        said = f"validation {self.metric} {score:.4f}"
        self.tell(epoch, f"{self.what}: epoch {epoch}/{self.total}, {said}", said)
