"""What a teacher knows, given to other units than those it is about (`Method.exchanged`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from methods.contract import Signals
from workflow.training.feeds.gathered import places


def exchanged(signals: Signals, taught: Tensor, labeled: Tensor, draw: np.random.Generator) -> Signals:
    """The signals with logits that have changed places, among units with a label and among those without one.

    Args:
        signals: of all units, or of some (`Partial`), in host memory. Hidden states stay: those of graphs are of nodes.
        taught: [D] int64 ids of the units that carry distillation terms. Others keep their logits.
        labeled: [units] bool, whether training shows a label of a unit.
    """
    source = torch.arange(len(signals.logits))
    known = labeled[taught]
    for group in (taught[known], taught[~known]):
        rows = places(signals, group)
        source[rows] = rows[torch.from_numpy(draw.permutation(len(rows)))]
    return replace(signals, logits=signals.logits.index_select(0, source))
