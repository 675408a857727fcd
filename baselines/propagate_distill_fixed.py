"""Variant of Propagate and Distill (Shin and Shin 2023): P&D-fix."""

from __future__ import annotations

from baselines.propagate_distill import PropagateDistill


class PropagateDistillFixed(PropagateDistill, fixed=True):
    """propagate-distill with the labelled rows given their own targets back after every step."""

    title = "P&D fixed"
