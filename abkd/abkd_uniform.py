"""Control of ABKD (Ahluwalia et al. 2023): every pair of layers counts the same."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class UniformAlignment(AttentionBasedKD, attention="uniform"):
    """abkd with A_ij = 1 / L_s: what remains without attention."""

    title = "ABKD uniform"
