"""Control of ABKD (Ahluwalia et al. 2023): the last pair of layers only."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class LastPairAlignment(AttentionBasedKD, attention="uniform", teacher_layers="last", student_layers="last"):
    """abkd on the two pre-softmax outputs alone: A = 1, the loss is beta * D."""

    title = "ABKD last"
