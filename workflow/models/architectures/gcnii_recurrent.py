"""GCNII with one convolution that is applied again and again: the student of MustaD."""

from __future__ import annotations

from typing import Any

from torch import nn

from workflow.catalog import Facts
from workflow.models.architectures.gcnii import GCNII
from workflow.models.parts.containers import Layers


class RecurrentGCNII(GCNII):
    """X_l = relu(((1 - alpha) A_hat X_(l-1) + alpha X_0) ((1 - beta_l) I + beta_l W)), beta_l = log(theta / l + 1).

    GCNII (Chen et al., ICML 2020, eq. 5) with the same W at every l: as deep as its teacher at the size of one layer
    (Kim, Jung and Kang, PLoS ONE 2021). The other options are those of `gcnii`.

    Args:
        layers: times that the convolution is applied.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        layers: int = 64,
        width: int = 64,
        alpha: float = 0.1,
        theta: float = 0.5,
        dropout: float = 0.6,
        input_dropout: float = 0.6,
    ) -> None:
        super().__init__(
            facts,
            layers=layers,
            width=width,
            alpha=alpha,
            theta=theta,
            dropout=dropout,
            input_dropout=input_dropout,
        )
        self.convolutions = _Same(self.convolutions[:1])


class _Same(Layers[nn.Linear]):
    """One layer in the place of any number."""

    def __getitem__(self, idx: Any) -> Any:
        return super().__getitem__(0)
