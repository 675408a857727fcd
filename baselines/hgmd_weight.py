"""Variant of HGMD (Wu et al. 2024): weights in place of draws."""

from __future__ import annotations

from baselines.hgmd import HardnessAware


class HardnessWeights(HardnessAware, form="weight", mixing=0.4):
    """hgmd with all edges kept and weighted; nothing is drawn."""

    title = "HGMD weight"
    depends_on_order = False
    depends_on_rows = False
