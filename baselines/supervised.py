"""No distillation, as in Kipf and Welling, ICLR 2017: the floor that every method is compared with."""

from __future__ import annotations

from torch import Tensor

from methods.contract import Batch, Method, Signals


class Supervised(Method):
    """CE(labels) alone: no term, cross-entropy weight 1.

    The citation is the graph convolutional network's, as the plain way to train a student.
    """

    title = "Supervised"
    year = 2017
    citation = "kipf2017gcn"
    uses_teacher = False

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        return {}
