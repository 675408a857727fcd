"""Attention transfer: Zagoruyko and Komodakis, ICLR 2017."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from methods.contract import Batch, Method, Shape, Signals
from methods.pairing import at_least, last_of, one_of
from methods.spaces import LogRange


class AttentionTransfer(Method):
    """beta * MSE(a_S / ||a_S||, a_T / ||a_T||) with a[n] = ||h[n]||^2, the activation-based attention map F^2_sum.

    The maps are vectors over the n nodes of the batch. No heads.

    Args:
        beta: weight. Default 1e5 (Joshi et al. 2022).
        reduction: `mean` is the published mean square over the n entries. As the entries of a unit vector shrink with
            n, the term is ||difference||^2 / n and fades as the batch grows. `sum` is ||difference||^2, whose scale
            does not depend on n; the published 1e5 on the 90,941 training nodes of ogbn-arxiv is 1.1 there.
    """

    title = "AT"
    year = 2017
    citation = "zagoruyko2017attention"
    uses_hidden = True
    depends_on_rows = True
    search_space = {"beta": LogRange(0.1, 1e6)}

    def __init__(self, teacher: Shape, student: Shape, *, beta: float = 1e5, reduction: str = "mean") -> None:
        super().__init__(teacher, student)
        at_least(self, 0, beta=beta)
        one_of(self, "reduction", reduction, ("mean", "sum"))
        self.beta = beta
        self.reduction = reduction

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h_student, h_teacher = last_of(self, student, teacher, batch)
        teacher_map = batch.memo(self, "teacher", lambda: _attention_map(h_teacher))
        return {"at": self.beta * functional.mse_loss(_attention_map(h_student), teacher_map, reduction=self.reduction)}


def _attention_map(h: Tensor) -> Tensor:
    """[n, d] -> [n], a unit vector of squared row norms."""
    return functional.normalize(h.square().sum(1), dim=0)
