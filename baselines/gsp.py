"""Global structure preservation: Joshi et al., "On Representation Knowledge Distillation for Graph Neural Networks",
TNNLS 2022.
"""

from __future__ import annotations

from types import MappingProxyType

from torch import Tensor

from methods.contract import Batch, Method, Shape, Signals
from methods.kernels import KERNELS, pairwise, prepare
from methods.pairing import at_least, last_of, one_of, sample, whole
from methods.streaming import blocks, streamed_sum

PUBLISHED_WEIGHT = MappingProxyType({"cosine": 100.0, "poly": 100.0, "l2": 1.0, "rbf": 1e5})


class GlobalStructure(Method):
    """beta * mean over all pairs (i, j) of sampled nodes of (k(h_S[i], h_S[j]) - k(h_T[i], h_T[j]))^2.

    The m x m similarity matrices are walked by blocks of rows; for the cosine kernel the sum has a closed form in
    d x d matrices (`_cosine`), which is taken where they are the smaller ones. No heads, so the two widths may differ.

    Args:
        beta: weight; None takes the published weight of the kernel: cosine and poly 100, l2 1, rbf 1e5.
        kernel: cosine | poly | l2 | rbf (see methods/kernels.py).
        max_samples: nodes drawn at each step where the batch has more. Published: 4096 for cosine and poly, 2048 for
            l2 and rbf; default 4096.
        block: rows of a block; None fits the block to what methods/streaming.py allows the device.
    """

    title = "GSP"
    year = 2022
    citation = "joshi2022representation"
    uses_hidden = True

    def __init__(
        self,
        teacher: Shape,
        student: Shape,
        *,
        beta: float | None = None,
        kernel: str = "cosine",
        max_samples: int = 4096,
        block: int | None = None,
    ) -> None:
        super().__init__(teacher, student)
        one_of(self, "kernel", kernel, KERNELS)
        whole(self, max_samples=max_samples, block=block)
        self.beta = PUBLISHED_WEIGHT[kernel] if beta is None else beta
        at_least(self, 0, beta=self.beta)
        self.kernel = kernel
        self.max_samples = max_samples
        self.block = block

    def forward(self, student: Signals, teacher: Signals, batch: Batch) -> dict[str, Tensor]:
        h, target = last_of(self, student, teacher, batch)
        chosen = sample(batch, len(h), self.max_samples)
        if chosen is None:
            goal = batch.memo((id(self), "teacher"), lambda: prepare(target, self.kernel))
        else:
            h, goal = h.index_select(0, chosen), prepare(target.index_select(0, chosen), self.kernel)

        a, m = prepare(h, self.kernel), len(h)
        if self.kernel == "cosine" and self.block is None and m > max(a.shape[1], goal.shape[1]):
            total = _cosine(a, goal)
        else:
            total = streamed_sum(self._squares, blocks(m, m, h.device, self.block), [a, goal], [a, goal])
        return {"gsp": total * (self.beta / max(m, 1) ** 2)}

    def _squares(self, rows: slice, a_rows: Tensor, b_rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Squared differences of all pairs that involve a block, but no earlier block: k(i, j) = k(j, i)."""
        mine = pairwise(a_rows, a[rows.start :], self.kernel)
        squares = (mine - pairwise(b_rows, b[rows.start :], self.kernel)).square()
        return 2 * squares.sum() - squares[:, : squares.shape[0]].sum()


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """||AA' - BB'||^2 = ||A'A||^2 + ||B'B||^2 - 2 ||A'B||^2: products of columns instead of all pairs of rows."""
    return (a.T @ a).square().sum() + (b.T @ b).square().sum() - 2 * (a.T @ b).square().sum()
