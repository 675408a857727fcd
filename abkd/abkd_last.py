"""Control of ABKD: the last pair of layers only."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class LastPairAlignment(AttentionBasedKD, attention="uniform", teacher_layers="last", student_layers="last"):
    """abkd on the teacher's and the student's pre-softmax outputs alone, A = 1."""

    title = "ABKD last"
