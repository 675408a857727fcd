"""Cross-entropy at a temperature: Agarwala, Pennington, Dauphin and Schoenholz, "Temperature check", arXiv 2010.07344.

A control without a teacher: KD at a temperature trains the student at it, too, which alone may train it faster.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from baselines.parts.labelled import mean_over_known
from methods.contract import UNLABELED, Batch, Method, Shape, Signals
from methods.pairing import at_least, logits_of
from methods.spaces import LogRange
from methods.vocabulary import Objective


class TemperedLabels(Method):
    """CE of softmax(z / temperature), a mean over labelled rows, in place of that of softmax(z).

    With binary targets the mean over measured entries of the binary cross-entropy of sigmoid(z / temperature). Below 1
    it sharpens what the student says while it trains; which class it says stays.

    Args:
        temperature: > 0. Default 0.33, about what the trials of KD choose here; 1 is the floor.
    """

    title = "Supervised, tempered"
    year = 2020
    citation = "agarwala2020temperature"
    control = True
    uses_teacher = False
    objectives = frozenset({Objective.MULTICLASS, Objective.BINARY})
    search_space = {"temperature": LogRange(0.1, 5)}

    def __init__(self, teacher: Shape, student: Shape, *, temperature: float = 0.33) -> None:
        super().__init__(teacher, student)
        at_least(self, 0, above=True, temperature=temperature)
        self.temperature = temperature
        self.ce_weight = 0.0

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        z, _ = logits_of(self, student, teacher)
        z = z / self.temperature
        if batch.objective == Objective.BINARY:
            # NaN times zero is NaN.
            labels = batch.labels.nan_to_num().to(z.dtype)
            entropy = functional.binary_cross_entropy_with_logits(z, labels, reduction="none")
        else:
            entropy = functional.cross_entropy(z, batch.labels, ignore_index=UNLABELED, reduction="none")
        return {"tempered": mean_over_known(entropy, batch)}
