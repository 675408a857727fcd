"""Variant of FF-G2M (Wu et al. 2023): its low-frequency half."""

from __future__ import annotations

from baselines.ff_g2m import FullFrequency


class LowFrequency(FullFrequency, high=False, temperature=1.0):
    """alpha * LFD alone, which has no temperature: every row learns the soft targets of its neighbours and its own."""

    title = "FF-G2M low"
