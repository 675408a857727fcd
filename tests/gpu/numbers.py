"""The device under test, tasks and tensors on it, and how far two sets of numbers lie apart."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from methods.contract import Batch, Signals
from workflow.training import device as devices

REHEARSAL = bool(os.environ.get("ABKD_REHEARSE"))
PRESENT = torch.cuda.is_available() or REHEARSAL
ABSENT = "" if PRESENT else "NO GPU: torch sees none; nothing of this has run on CUDA here"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
HOST = torch.device("cpu")
TOLERANCE = 1e-4
"""Relative, in float32."""
NUDGE = 1e-6
"""Relative: a few roundings of float32. What a descent makes of so small a change of its start is nobody's
mistake; three times that is allowed, since a change in another direction may do more."""


def settle() -> None:
    """Sets torch as a job does."""
    devices.choose("auto", 1)


def move(tensor: Tensor, device: torch.device) -> Tensor:
    """A leaf of the same values, which asks for a gradient where the tensor does."""
    return tensor.detach().clone().to(device).requires_grad_(tensor.requires_grad)


def signals_on(signals: Signals, device: torch.device) -> Signals:
    return Signals(move(signals.logits, device), tuple(move(layer, device) for layer in signals.hidden))


def batch_on(batch: Batch, device: torch.device, seed: int = 0) -> Batch:
    return replace(
        batch,
        labels=batch.labels.to(device),
        edge_index=batch.edge_index.to(device),
        graph=None if batch.graph is None else batch.graph.to(device),
        generator=torch.Generator(device).manual_seed(seed),
        find_ids=lambda: batch.ids.to(device),
        find_row_ids=lambda: batch.row_ids.to(device),
    )


def distance(found: Iterable[Tensor | None], expected: Iterable[Tensor | None]) -> float:
    """The largest relative distance of a pair of tensors; that of one that ought to be 0 is its length."""
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is None or other is None or other.numel() == 0:
            continue
        a, b = one.detach().double().cpu(), other.detach().double().cpu()
        assert a.isfinite().all() == b.isfinite().all()
        length = float(b.norm())
        worst = max(worst, float((a - b).norm()) / (length if length > 1e-6 else 1.0))
    return worst


def nudged(tensors: Iterable[Tensor]) -> None:
    """Changes each of these leaves by NUDGE."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in tensors:
            tensor.mul_(1 + NUDGE * torch.randn(tensor.shape, generator=generator).to(tensor.device))


def assert_near(
    what: str, found: Iterable[Tensor | None], expected: Iterable[Tensor | None], allowed: float = TOLERANCE
) -> None:
    apart = distance(found, expected)
    print(f"{what}: {apart:.1e}")
    assert apart <= allowed, f"{what}: {apart:.1e} apart, allowed {allowed:.0e}"
