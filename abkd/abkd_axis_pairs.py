"""Ablation of ABKD: one softmax over all pairs of layers."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class PairsAxisAlignment(AttentionBasedKD, axis="pairs"):
    """abkd with one unit of attention over all pairs."""

    title = "ABKD pairs axis"
