"""Variant of FF-G2M (Wu et al. 2023): its high-frequency half."""

from __future__ import annotations

from baselines.ff_g2m import FullFrequency


class HighFrequency(FullFrequency, low=False):
    """alpha * HFD alone: every edge keeps how the logits of its two ends differ."""

    title = "FF-G2M high"
