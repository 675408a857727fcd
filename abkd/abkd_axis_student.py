"""Ablation of ABKD: the attention's softmax runs over the teacher layers."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class StudentAxisAlignment(AttentionBasedKD, axis="student"):
    """abkd with each student layer's mass shared out among the teacher layers."""

    title = "ABKD student axis"
