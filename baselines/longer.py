"""The floor, trained for longer. A control: what the time that distillation costs would buy without a teacher."""

from __future__ import annotations

from torch import Tensor

from methods.contract import Batch, Method, Signals


class LongerTraining(Method):
    """CE(labels) alone, over three times the epochs (and the patience) of every other method.

    Most distillation takes less than three times the floor's time per epoch; the page's table of costs says how much.
    """

    title = "Supervised, 3x epochs"
    year = 2017
    citation = "kipf2017gcn"
    control = True
    uses_teacher = False
    epochs_factor = 3

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        return {}
