"""How alike every layer of a student is to every layer of its teacher, on a sample of the rows of fidelity.

All numbers are computed on the host in float64. The sample is drawn by a generator of its own: no stream of a training
moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from methods.contract import Signals
from methods.vocabulary import Kind
from workflow.models.model import Model
from workflow.task import Task
from workflow.training.feeds.gathered import places
from workflow.training.feeds.step import Feed
from workflow.training.records import Matrix, finite
from workflow.training.teaching import kept
from workflow.variants import INDUCTIVE

ROWS = 1024
"""Most rows of a sample, so that a teacher of 64 layers costs a hundredth of a training.

Most often CKA is then known to a few hundredths; where few rows hold most of the variance it can be off by a tenth.
"""
DIGITS = 4
"""Of a number in a record."""
CONSTANT = 1e-20
"""A representation whose variance is below this share of its squares is constant but for rounding."""
Layers = Sequence[Tensor]


def hidden_rows(task: Task, units: Tensor) -> Tensor:
    """Rows of hidden states that belong to units: the units themselves, or the nodes of these graphs."""
    if task.kind != Kind.GRAPH:
        return units
    chosen = np.zeros(len(task.labels), bool)
    chosen[units.numpy()] = True
    return torch.from_numpy(np.flatnonzero(np.repeat(chosen, np.diff(task.arrays["node_pointers"]))))


@torch.no_grad()
def of(model: Model, feed: Feed) -> Layers:
    """A network's layers as `sample` gives them, dropout off; none where teachers do not answer for a test part."""
    if "test" not in feed.task.scored or feed.task.info.get(INDUCTIVE):
        return ()
    return sample(kept(feed, model), feed.task)


def sample(signals: Signals, task: Task) -> Layers:
    """[n, d_l] float64 of every hidden layer on the same n of the test part's rows, at most ROWS."""
    rows = hidden_rows(task, torch.from_numpy(np.sort(task.split("test"))))
    if len(rows) > ROWS:
        drawn = np.random.default_rng(0).choice(len(rows), ROWS, replace=False)
        rows = rows[torch.from_numpy(np.sort(drawn))]
    rows = places(signals, rows)
    return [layer.index_select(0, rows.to(layer.device)).detach().cpu().double() for layer in signals.hidden]


def similarity(student: Layers, teacher: Layers) -> Matrix:
    """Linear CKA of every pair of layers (Kornblith et al. 2019, section 3), teacher layers x student layers.

    ||Y'X||^2 / (||X'X|| ||Y'Y||) of the centred columns (Frobenius norms). None where a layer is constant or not
    finite.

    Args:
        student, teacher: [n, d_l] of every layer, on the same rows.
    """
    if not student or not teacher:
        return []
    ours, theirs = ([_centred(layer) for layer in layers] for layers in (student, teacher))
    widths = [layer.shape[1] for layer in ours]
    columns, norms = torch.cat(ours, 1), [_norm(layer) for layer in ours]
    found = []
    for layer in theirs:
        products = (layer.T @ columns).square().sum(0).split(widths)
        own = _norm(layer)
        pairs = zip(products, norms, strict=True)
        found.append([_rounded(float(each.sum()) / (own * norm)) if own * norm else None for each, norm in pairs])
    return found


def _centred(layer: Tensor) -> Tensor:
    """Zeros where a layer is constant but for rounding."""
    centred = layer - layer.mean(0)
    return torch.zeros_like(layer) if centred.square().sum() <= CONSTANT * layer.square().sum() else centred


def _norm(layer: Tensor) -> float:
    """||X'X|| by the smaller one of X'X and XX'."""
    return float((layer.T @ layer if layer.shape[1] < len(layer) else layer @ layer.T).norm())


def _rounded(value: float) -> float | None:
    """A number of a record; rounding alone may lift it over 1."""
    return None if finite(value) is None else round(min(value, 1.0), DIGITS)
