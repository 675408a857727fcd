"""Trainable parts that methods share."""

from __future__ import annotations

from torch import nn


class ProjectionHead(nn.Sequential):
    """Linear + batch norm + ReLU, [n, d] -> [n, width]; the projection of G-CRD (Joshi et al. 2022)."""

    def __init__(self, columns: int, width: int) -> None:
        # The bias would be removed by the batch norm's mean: it could never receive a gradient.
        super().__init__(nn.Linear(columns, width, bias=False), nn.BatchNorm1d(width), nn.ReLU())
