"""Variant of HGMD (Wu et al. 2024): weights in place of mixed targets."""

from __future__ import annotations

from baselines.hgmd import HardnessAware


class HardnessWeights(HardnessAware, form="weight", mixing=0.4):
    """hgmd whose kept edges are weighted by similarity and hardness; their targets are the neighbours' own."""

    title = "HGMD weight"
