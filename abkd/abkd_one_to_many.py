"""Ablation of ABKD (Ahluwalia et al. 2023): the teacher's last layer against all of the student's."""

from __future__ import annotations

from abkd.abkd import AttentionBasedKD


class OneToManyAlignment(AttentionBasedKD, axis="teacher", teacher_layers="last"):
    """abkd on the pairs (last, j): A_j = softmax over j, attention chooses among the student's layers."""

    title = "ABKD one-to-many"
